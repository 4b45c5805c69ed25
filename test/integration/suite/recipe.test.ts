import * as assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { QuantizeReport } from '../../../src/protocol/engineApi';
import { activeApi, checkpointTabs, until, workspaceFile, workspaceFolder } from './workspace';

const lines = [
  '{',
  '  "version": 1,',
  '  "name": "tested",',
  '  "model": "demo-llama-3m/model.safetensors",',
  '  "default": { "scheme": "int8-absmax" },',
  '  "rules": [',
  '    { "match": "**.down_proj.weight", "choice": "keep" },',
  '    { "match": "model.layer.*", "choice": "keep" },',
  '    { "match": "**.k_proj.weight", "choice": { "scheme": "prune-heads", "headSize": 100 } }',
  '  ]',
  '}',
];

/** What Tensor Loupe says of a document, line by line. */
const told = (uri: vscode.Uri) =>
  vscode.languages
    .getDiagnostics(uri)
    .filter(({ source }) => source === 'Tensor Loupe')
    .map(({ range, severity, message }) => ({ line: range.start.line, severity, message }));

const lensTitles = async (uri: vscode.Uri): Promise<string[]> => {
  const found = await vscode.commands.executeCommand<vscode.CodeLens[]>(
    'vscode.executeCodeLensProvider',
    uri,
    10,
  );
  return found.map(({ command }) => command?.title ?? '');
};

async function shown(name: string, text: string): Promise<vscode.TextDocument> {
  const uri = workspaceFile(name);
  writeFileSync(uri.fsPath, text);
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  return document;
}

describe('Recipes', () => {
  before(activeApi);
  afterEach(() => vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor'));
  after(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  it('are checked against the model that they name, at their lines', async () => {
    const { uri } = await shown('checked.loupe.json', lines.join('\n'));
    const found = await until('two problems', () => told(uri).length === 2 && told(uri));
    assert.deepEqual(found.map(({ line, severity }) => [line, severity]).sort(), [
      [7, vscode.DiagnosticSeverity.Warning],
      [8, vscode.DiagnosticSeverity.Error],
    ]);
    assert.match(found.find(({ line }) => line === 7)?.message ?? '', /No tensor of .* has a name like this/);
    assert.match(found.find(({ line }) => line === 8)?.message ?? '', /head.*3 more tensors/i);
  });

  it('lose a problem when it is mended, and say what is wrong with a member', async () => {
    const document = await shown('mended.loupe.json', lines.join('\n'));
    const { uri } = document;
    await until('two problems', () => told(uri).length === 2);
    const edit = new vscode.WorkspaceEdit();
    edit.replace(uri, document.lineAt(7).range, '    { "match": "model.layers.0.**", "choice": "keep" },');
    edit.replace(
      uri,
      document.lineAt(8).range,
      '    { "match": "lm_head.weight", "choice": { "scheme": "int9" } }',
    );
    await vscode.workspace.applyEdit(edit);
    const [only] = await until('one problem at line 8', () => {
      const found = told(uri);
      return found.length === 1 && found[0]?.line === 8 && found;
    });
    assert.match(only?.message ?? '', /"scheme" must be one of/);
    assert.deepEqual(await lensTitles(uri), []);
  });

  it('offer preview and quantization, with the size that headers alone give', async () => {
    const text =
      '{ "version": 1, "model": "demo-llama-3m/model.safetensors", "default": { "scheme": "int8-absmax" } }';
    const { uri } = await shown('lenses.loupe.json', text);
    const titles = await until('the size', async () => {
      const found = await lensTitles(uri);
      return found.some((title) => title.includes('bits per weight')) && found;
    });
    assert.ok(titles.some((title) => title.includes('Preview error')));
    assert.ok(titles.some((title) => title.includes('Quantize with this recipe')));
    // 28 projections of 8-bit codes, a BF16 scale a row and a shape of 16 bytes; the rest stays at two bytes a value.
    const rows = 4 * (256 + 128 + 128 + 256 + 768 + 768 + 256);
    const quantized = 4 * (256 * 256 * 2 + 128 * 256 * 2 + 768 * 256 * 3);
    const bytes = 2 * (3_295_488 - quantized) + quantized + 2 * rows + 28 * 16;
    const bits = ((8 * bytes) / 3_295_488).toFixed(2);
    const size = titles.find((title) => title.includes('bits per weight')) ?? '';
    assert.ok(size.includes(`${bits} bits per weight, 28 quantized, 11 kept`), size);
  });

  it('quantize from the command, and the output records them', async () => {
    const out = path.join(workspaceFolder(), 'out-recipe');
    const report = await vscode.commands.executeCommand<QuantizeReport | undefined>(
      'tensorLoupe.quantizeWithRecipe',
      workspaceFile('mixed-int4.loupe.json'),
      { out, backend: 'cpu' },
    );
    assert.ok(report);
    assert.equal(report.label, 'recipe mixed-int4');
    await until('the result to open', () => checkpointTabs().some(({ uri }) => uri.fsPath === report.open));
    const record = JSON.parse(readFileSync(path.join(out, 'loupe-recipe.json'), 'utf8'));
    assert.equal(record.recipe.name, 'mixed-int4');
    const preview = await vscode.commands.executeCommand<QuantizeReport | undefined>(
      'tensorLoupe.previewRecipe',
      workspaceFile('mixed-int4.loupe.json'),
    );
    assert.deepEqual(preview?.tensors, report.tensors);
  });

  it('begin as what a scheme does by itself, in a document that is not saved', async () => {
    const uri = await vscode.commands.executeCommand<vscode.Uri | undefined>(
      'tensorLoupe.newRecipe',
      workspaceFile('demo-llama-3m', 'model.safetensors'),
      'nf4',
    );
    assert.equal(uri?.scheme, 'untitled');
    assert.equal(path.basename(uri.path), 'demo-llama-3m-nf4.loupe.json');
    assert.equal(existsSync(uri.fsPath), false);
    const document = await vscode.workspace.openTextDocument(uri);
    const recipe = JSON.parse(document.getText());
    assert.deepEqual(recipe.default, { scheme: 'nf4', granularity: 'block', blockSize: 64 });
    assert.ok(recipe.keep.includes('head') && recipe.keep.includes('embeddings'));
    assert.equal(recipe.model, 'demo-llama-3m/model.safetensors');
    await until('its size', async () =>
      (await lensTitles(uri)).some((title) => title.includes('28 quantized')),
    );
    assert.deepEqual(told(uri), []);
  });
});
