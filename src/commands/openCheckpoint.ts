/** Opens a checkpoint in the custom editor, whatever the default editor for the file is. */
import * as vscode from 'vscode';
import { checkpointViewType, indexViewType } from '../editor/checkpointEditor';

async function pick(title = 'Open a checkpoint'): Promise<vscode.Uri | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title,
    canSelectMany: false,
    filters: {
      Checkpoints: ['safetensors', 'gguf', 'onnx', 'pt', 'pth', 'ckpt', 'bin', 'npz', 'npy', 'index.json'],
      'Importance matrices': ['gguf', 'imatrix', 'dat'],
      'All files': ['*'],
    },
  });
  return picked?.[0];
}

/** Opens `given` (a URI, or an absolute path from a hover's link); asks when there is none. */
async function open(given?: vscode.Uri | string): Promise<void> {
  const uri = typeof given === 'string' ? vscode.Uri.file(given) : (given ?? (await pick()));
  if (!uri) return;
  const viewType = uri.path.endsWith('.index.json') ? indexViewType : checkpointViewType;
  await vscode.commands.executeCommand('vscode.openWith', uri, viewType);
}

export const openCheckpointCommand = { open, pick };
