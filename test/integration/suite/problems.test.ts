import * as assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import * as vscode from 'vscode';
import { f32Data, makeSafetensors } from '../../fixtures/makeCheckpoint';
import { activeApi, checkpointTabs, until, workspaceFile } from './workspace';

const ours = (uri: vscode.Uri) =>
  vscode.languages.getDiagnostics(uri).filter(({ source }) => source === 'Tensor Loupe');
const codes = (uri: vscode.Uri) =>
  ours(uri).map(({ code }) => (typeof code === 'object' ? String(code.value) : String(code)));

const vector = (name: string, values: readonly number[]) => ({
  name,
  dtype: 'F32',
  shape: [values.length],
  data: f32Data(values),
});

describe('Problems panel', () => {
  before(activeApi);
  afterEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  it('holds the findings of an open checkpoint until it is fixed or closed', async () => {
    const uri = workspaceFile('short.safetensors');
    const whole = makeSafetensors([vector('a', [1, 2, 3, 4])]);
    writeFileSync(uri.fsPath, whole.slice(0, -4));
    assert.deepEqual(codes(uri), []);
    await vscode.commands.executeCommand('vscode.open', uri);
    const [diagnostic] = await until('the finding', () => ours(uri).length > 0 && ours(uri));
    assert.equal(diagnostic?.severity, vscode.DiagnosticSeverity.Error);
    const { code } = diagnostic!;
    assert.ok(typeof code === 'object');
    assert.equal(code.value, 'truncated-data');
    assert.match(code.target.toString(), /findingHelp.*truncated-data/);
    assert.match(diagnostic!.message, /byte \d+, 0x[0-9a-f]+\)/);

    writeFileSync(uri.fsPath, whole);
    await until('the problem to go with the fault', () => codes(uri).length === 0);

    writeFileSync(uri.fsPath, whole.slice(0, -8));
    await until('the problem to come back', () => codes(uri).includes('truncated-data'));
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await until('the problem to go with the editor', () => codes(uri).length === 0);
  });

  it('holds the reason for which a file is refused, until the file can be read', async () => {
    const uri = workspaceFile('refused.safetensors');
    writeFileSync(uri.fsPath, 'version https://git-lfs.github.com/spec/v1\n');
    await vscode.commands.executeCommand('vscode.open', uri);
    await until('the reason', () => codes(uri).includes('not-a-checkpoint'));
    writeFileSync(uri.fsPath, makeSafetensors([vector('a', [1])]));
    await until('the reason to go', () => codes(uri).length === 0);
  });

  it('opens the documentation of a code', async () => {
    await vscode.commands.executeCommand('tensorLoupe.findingHelp', 'truncated-data');
    await until('the documentation', () =>
      vscode.window.tabGroups.all.some((group) =>
        group.tabs.some((tab) => tab.label.includes('findings.md')),
      ),
    );
    const editor = vscode.window.activeTextEditor;
    // Where a Markdown preview is installed, there is no text editor.
    if (editor) assert.equal(editor.document.lineAt(editor.selection.active).text, '### truncated-data');
  });

  it('follows files that are deleted and come back', async () => {
    const uri = workspaceFile('moved.safetensors');
    const away = workspaceFile('moved.away').fsPath;
    writeFileSync(uri.fsPath, makeSafetensors([vector('a', [1, 2])]).slice(0, -4));
    await vscode.commands.executeCommand('vscode.open', uri);
    await until('the finding', () => codes(uri).includes('truncated-data'));
    renameSync(uri.fsPath, away);
    await until('no problem of a file that is gone', () => codes(uri).length === 0);
    renameSync(away, uri.fsPath);
    await until('the finding again', () => codes(uri).includes('truncated-data'));
    rmSync(uri.fsPath);
  });
});

describe('A model with a missing shard', () => {
  before(activeApi);
  afterEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  it('says so, and notices when the shard comes', async () => {
    const shard = workspaceFile('demo-llama-3m-sharded', 'model-00002-of-00003.safetensors');
    const away = workspaceFile('shard.away').fsPath;
    renameSync(shard.fsPath, away);
    try {
      const index = workspaceFile('demo-llama-3m-sharded', 'model.safetensors.index.json');
      await vscode.commands.executeCommand('tensorLoupe.openCheckpoint', index);
      await until('the finding', () => codes(shard).includes('missing-shard'));
    } finally {
      renameSync(away, shard.fsPath);
    }
    await until('the finding to go with the fault', () => codes(shard).length === 0);
  });
});

describe('Actions', () => {
  before(activeApi);
  afterEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  it('export the tensor list in each format', async () => {
    const source = workspaceFile('demo-llama-3m', 'model.safetensors');
    const lines: Record<string, number> = { csv: 40, md: 41 };
    for (const ending of ['csv', 'json', 'md']) {
      const to = workspaceFile(`tensors.${ending}`);
      const written = await vscode.commands.executeCommand<vscode.Uri>('tensorLoupe.exportTensors', source, {
        to,
      });
      assert.equal(written?.fsPath, to.fsPath);
      const text = readFileSync(to.fsPath, 'utf8');
      if (ending === 'json') assert.equal(JSON.parse(text).tensors.length, 39);
      else assert.equal(text.trimEnd().split(/\r?\n/).length, lines[ending]);
      assert.ok(text.includes('model.layers.0.mlp.down'), ending);
    }
  });

  it('open the same file as text', async () => {
    const uri = workspaceFile('demo-llama-3m-sharded', 'model.safetensors.index.json');
    await vscode.commands.executeCommand('tensorLoupe.openCheckpoint', uri);
    await until('the editor tab', () => checkpointTabs().length === 1);
    await vscode.commands.executeCommand('tensorLoupe.openAsText');
    await until('the text editor', () => vscode.window.activeTextEditor?.document.uri.fsPath === uri.fsPath);
  });

  it('are all there: hex, Explorer, export', async () => {
    const commands = await vscode.commands.getCommands(true);
    for (const name of ['openAsHex', 'revealInExplorer', 'exportTensors']) {
      assert.ok(commands.includes(`tensorLoupe.${name}`), name);
    }
    const uri = workspaceFile('demo-llama-3m', 'model.safetensors');
    await vscode.commands.executeCommand('tensorLoupe.revealInExplorer', uri);
  });
});
