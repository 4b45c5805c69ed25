import * as assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { QuantizeReport } from '../../../src/protocol/engineApi';
import { plainInt8, plainValues, readPlainSafetensors } from '../../fixtures/plainSafetensors';
import { activeApi, checkpointTabs, until, workspaceFile, workspaceFolder } from './workspace';

describe('Quantize command', () => {
  before(activeApi);
  afterEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  for (const scheme of ['int8-absmax', 'int8-zeropoint'] as const) {
    for (const granularity of ['row', 'tensor'] as const) {
      it(`${scheme} per ${granularity} writes, opens the result, and reports true errors`, async () => {
        const source = workspaceFile('demo-llama-3m', 'model.safetensors');
        const out = path.join(workspaceFolder(), `out-${scheme}-${granularity}`);
        const report = await vscode.commands.executeCommand<QuantizeReport | undefined>(
          'tensorLoupe.quantize',
          source,
          {
            scheme,
            granularity,
            backend: 'cpu',
            out,
          },
        );
        assert.ok(report);
        assert.equal(report.backend.used, 'cpu');
        const tab = await until('the result to open', () =>
          checkpointTabs().find((input) => input.uri.fsPath === report.open),
        );
        assert.equal(tab.uri.fsPath, path.join(out, 'model.safetensors'));
        const name = 'model.layers.2.mlp.down_proj.weight';
        const original = readPlainSafetensors(source.fsPath).get(name)!;
        const own = plainInt8(plainValues(original), 256, 768, scheme, granularity);
        const row = report.tensors.find((candidate) => candidate.name === name);
        assert.ok(row);
        assert.ok(Math.abs(row.mse / own.mse - 1) < 1e-9, `mse ${row.mse}, by the formula ${own.mse}`);
        assert.equal(row.maxAbs, own.maxAbs);
        const packed = readPlainSafetensors(report.open).get(name.replace(/weight$/, 'weight_packed'))!;
        assert.deepEqual(
          Int8Array.from(packed.bytes, (byte) => byte - 128),
          own.codes,
        );
      });
    }
  }

  it('says the errors of a preview without writing', async () => {
    const source = workspaceFile('demo-llama-3m-outliers', 'model.safetensors');
    const before = readdirSync(workspaceFolder());
    const report = await vscode.commands.executeCommand<QuantizeReport | undefined>(
      'tensorLoupe.previewError',
      source,
      {
        scheme: 'int8-absmax',
        granularity: 'tensor',
      },
    );
    assert.ok(report);
    assert.equal(report.tensors.filter((row) => row.from !== row.to).length, 28);
    assert.deepEqual(readdirSync(workspaceFolder()), before);
    await until('the report panel', () =>
      vscode.window.tabGroups.all
        .flatMap((group) => group.tabs)
        .some(
          (tab) =>
            tab.input instanceof vscode.TabInputWebview && tab.input.viewType.includes('tensorLoupe.report'),
        ),
    );
  });

  it('leaves nothing behind when cancelled', async () => {
    const { engine } = await activeApi();
    const source = workspaceFile('demo-llama-3m-outliers', 'model.safetensors').fsPath;
    const out = path.join(workspaceFolder(), 'cancelled');
    const before = readFileSync(source);
    const controller = new AbortController();
    const running = engine.call(
      'quantize',
      {
        path: source,
        scheme: 'int8-absmax',
        granularity: 'row',
        backend: 'cpu',
        out,
        overwrite: false,
        pure: false,
        dryRun: false,
      },
      { signal: controller.signal, progress: () => controller.abort() },
    );
    await assert.rejects(running, (error) => (error as { code?: string }).code === 'cancelled');
    assert.equal(existsSync(out), false);
    assert.deepEqual(
      readdirSync(workspaceFolder()).filter((name) => name.startsWith('.cancelled')),
      [],
    );
    assert.ok(readFileSync(source).equals(before));
    rmSync(out, { recursive: true, force: true });
  });
});
