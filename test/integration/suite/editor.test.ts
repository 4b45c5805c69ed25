import * as assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import * as vscode from 'vscode';
import { activeApi, checkpointTabs, checkpointViewType, until, workspaceFile } from './workspace';

describe('Checkpoint editor', () => {
  before(activeApi);
  afterEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  it('is what safetensors and GGUF files open in', async () => {
    const uri = workspaceFile('demo-llama-3m', 'model.safetensors');
    await vscode.commands.executeCommand('vscode.open', uri);
    const [tab] = await until('the editor tab', () => checkpointTabs().length === 1 && checkpointTabs());
    assert.equal(tab?.viewType, checkpointViewType);
    assert.equal(tab?.uri.fsPath, uri.fsPath);
  });

  it('offers itself for an index of shards', async () => {
    const uri = workspaceFile('demo-llama-3m-sharded', 'model.safetensors.index.json');
    await vscode.commands.executeCommand('tensorLoupe.openCheckpoint', uri);
    const [tab] = await until('the editor tab', () => checkpointTabs().length === 1 && checkpointTabs());
    assert.equal(tab?.viewType, 'tensorLoupe.index');
  });

  it('opens a malformed file on its error page, and the host lives', async () => {
    const uri = workspaceFile('broken.safetensors');
    writeFileSync(
      uri.fsPath,
      Buffer.concat([Buffer.from([255, 255, 255, 255, 255, 255, 255, 255]), Buffer.from('{')]),
    );
    await vscode.commands.executeCommand('vscode.open', uri);
    await until('the editor tab', () => checkpointTabs().length === 1);
    const api = await activeApi();
    await assert.rejects(
      api.engine.call('open', { path: uri.fsPath }),
      (error: { code?: string; message: string }) => {
        assert.equal(error.code, 'malformed');
        return true;
      },
    );
  });

  it('reads the header only', async () => {
    const api = await activeApi();
    const uri = workspaceFile('demo-llama-3m', 'model.safetensors');
    const catalogue = await api.engine.call('open', { path: uri.fsPath });
    assert.equal(catalogue.tensors.count, 39);
    assert.equal(catalogue.parameters, 3_295_488);
    assert.equal(catalogue.bytes, 6_590_976);
    const header = Number(readFileSync(uri.fsPath).readBigUInt64LE(0));
    assert.equal(catalogue.tensors.byteOffset[0], 8 + header);
  });
});
