import * as assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import * as vscode from 'vscode';
import { activeApi, until, workspaceFile } from './workspace';

/** Writes a document, hovers over `needle` in it and gives the hover's text. */
async function hoverOver(name: string, content: string, needle: string): Promise<string> {
  const uri = workspaceFile(name);
  writeFileSync(uri.fsPath, content);
  const document = await vscode.workspace.openTextDocument(uri);
  const position = document.positionAt(content.indexOf(needle) + 2);
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
    'vscode.executeHoverProvider',
    uri,
    position,
  );
  return hovers
    .flatMap((hover) => hover.contents)
    .map((part) => (typeof part === 'string' ? part : part.value))
    .filter((text) => text.includes('parameters'))
    .join('\n');
}

// Computed by hand from the header: 3,295,488 parameters; x4, x2, x1, x0.5 bytes.
const expected = [
  '3.30 M parameters',
  '6.29 MiB on disk',
  '12.6 MiB',
  '6.29 MiB',
  '3.14 MiB',
  '1.57 MiB',
  'Open in Tensor Loupe',
];

describe('Hover', () => {
  before(activeApi);
  afterEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  const cases: [string, string, string][] = [
    ['hover.py', 'model = AutoModel.from_pretrained("demo-llama-3m")\n', 'demo-llama'],
    ['hover2.py', "weights = load_file('demo-llama-3m/model.safetensors')\n", 'demo-llama'],
    ['hover.json', '{"model": "./demo-llama-3m"}\n', './demo-llama'],
    ['hover.yaml', 'model: demo-llama-3m\n', 'demo-llama'],
    ['hover.toml', 'model = "demo-llama-3m"\n', 'demo-llama'],
    ['hover.md', 'Load `demo-llama-3m` first.\n', 'demo-llama'],
    ['hover-sharded.py', 'p = "demo-llama-3m-sharded/model.safetensors.index.json"\n', 'demo-llama'],
  ];
  for (const [name, content, needle] of cases) {
    it(`tells what a model costs in ${name}`, async () => {
      const text = await until(
        `a hover in ${name}`,
        async () => (await hoverOver(name, content, needle)) || undefined,
      );
      for (const part of expected) assert.ok(text.includes(part), `"${part}" is missing in:\n${text}`);
    });
  }

  it('stays quiet over strings that name no model, and outside the workspace', async () => {
    assert.equal(await hoverOver('quiet.py', 'x = "demo-llama-99m"\n', 'demo'), '');
    assert.equal(await hoverOver('quiet2.py', 'x = "/etc/hostname"\n', '/etc'), '');
    assert.equal(await hoverOver('quiet3.py', 'x = demo_llama_3m\n', 'demo'), '');
  });
});
