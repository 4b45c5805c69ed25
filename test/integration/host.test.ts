/** The least that must hold inside a real VS Code: the extension is there, activates, and declares what it serves. */
import { strict as assert } from 'node:assert';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { TensorLoupeApi } from '../../src/extension';

const extensionId = 'tensor-loupe.tensor-loupe';

interface CustomEditorContribution {
  viewType: string;
  priority: string;
  selector: { filenamePattern: string }[];
}

describe('the extension in its host', () => {
  it('runs in the host with the example models as its workspace', async () => {
    const [folder] = vscode.workspace.workspaceFolders ?? [];
    assert.ok(folder, 'a folder is open');
    const names = (await vscode.workspace.fs.readDirectory(folder.uri)).map(([name]) => name);
    assert.ok(names.includes('demo-llama-3m'), `the workspace holds ${names.join(', ')}`);
  });

  it('activates', async function () {
    const extension = vscode.extensions.getExtension<TensorLoupeApi>(extensionId);
    assert.ok(extension, `${extensionId} is known to the host`);
    const { activationMs } = await extension.activate();
    assert.equal(extension.isActive, true);
    assert.ok(activationMs >= 0);
    // Reading the bundle is the other part; the first time it is read from the disk, and compiled.
    const bundle = path.join(extension.extensionPath, 'dist', 'extension.cjs');
    const loads = Array.from({ length: 5 }, () => {
      delete require.cache[bundle];
      const start = performance.now();
      require(bundle);
      return performance.now() - start;
    }).sort((one, other) => one - other);
    const [load = 0] = loads.slice(2);
    // Said in the name of the test, which is what the runner prints.
    this.test!.title +=
      `: ${activationMs.toFixed(1)} ms in activate(), ${load.toFixed(1)} ms to load the bundle`;
  });

  it('opens checkpoints by default, and files of common endings on request', () => {
    const manifest = vscode.extensions.getExtension(extensionId)?.packageJSON;
    const editors: CustomEditorContribution[] = manifest?.contributes?.customEditors ?? [];
    const served = editors.flatMap(({ priority, selector }) =>
      selector.map(({ filenamePattern }) => `${filenamePattern} ${priority}`),
    );
    // Endings that also mean other things, and JSON, keep their own editors.
    assert.deepEqual(served.sort(), [
      '*.bin option',
      '*.bin.index.json option',
      '*.ckpt option',
      '*.dat option',
      '*.gguf default',
      '*.imatrix default',
      '*.npy default',
      '*.npz default',
      '*.onnx default',
      '*.pt default',
      '*.pth default',
      '*.safetensors default',
      '*.safetensors.index.json option',
      '*imatrix*.dat default',
    ]);
  });

  it('registers every command that it declares', async () => {
    const extension = vscode.extensions.getExtension(extensionId);
    await extension?.activate();
    const declared: { command: string }[] = extension?.packageJSON?.contributes?.commands ?? [];
    assert.ok(declared.length > 0, 'commands are declared');
    const registered = new Set(await vscode.commands.getCommands(true));
    const missing = declared.map(({ command }) => command).filter((command) => !registered.has(command));
    assert.deepEqual(missing, []);
  });
});
