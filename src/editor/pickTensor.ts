/** Has the user choose one of a checkpoint's tensors. */
import * as vscode from 'vscode';
import type { TensorColumns } from '../protocol/engineApi';

interface TensorItem extends vscode.QuickPickItem {
  readonly tensor: number;
}

/** Index of the tensor that was chosen; undefined when none was. Those that cannot be read are left out. */
export async function pickTensor(
  tensors: TensorColumns,
  title: string,
  except: number | undefined,
): Promise<number | undefined> {
  const unreadable = new Set(tensors.unreadable.map(({ index }) => index));
  const items: TensorItem[] = [];
  for (let tensor = 0; tensor < tensors.count; tensor++) {
    if (tensor === except || unreadable.has(tensor)) continue;
    const start = tensor === 0 ? 0 : tensors.shapeEnd[tensor - 1]!;
    const shape = tensors.shapes.subarray(start, tensors.shapeEnd[tensor]!);
    items.push({
      label: tensors.names[tensor]!,
      description: `${tensors.dtypes[tensors.dtype[tensor]!]} ${shape.join(' × ')}`,
      tensor,
    });
  }
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: 'Name of the tensor',
    matchOnDescription: true,
    // The page under the list may take the focus back just then; only Escape leaves.
    ignoreFocusOut: true,
  });
  return chosen?.tensor;
}
