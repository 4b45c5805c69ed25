/** "View Tensor...": picks a tensor of a checkpoint and opens a viewer of it. */
import * as vscode from 'vscode';
import { pickTensor } from '../editor/pickTensor';
import type { TensorPanels } from '../editor/tensorPanel';
import { LoupeError } from '../errors';
import type { Catalogue } from '../protocol/engineApi';

/** What callers may give in place of the pick. */
export interface ViewTensorArguments {
  /** Name of the tensor. */
  readonly tensor?: string | undefined;
  /** Opens it in a column beside. */
  readonly beside?: boolean | undefined;
}

/** Asks which tensor, unless told, and shows it. Resolves to its name, undefined when nothing was chosen. */
export async function viewTensor(
  panels: TensorPanels,
  uri: vscode.Uri,
  read: () => Promise<Catalogue>,
  options: ViewTensorArguments = {},
): Promise<string | undefined> {
  try {
    let { tensor } = options;
    if (tensor === undefined) {
      const { tensors } = await read();
      if (tensors.count === 0) {
        void vscode.window.showInformationMessage('The checkpoint has no tensors.');
        return undefined;
      }
      const index = await pickTensor(tensors, 'View a tensor', undefined);
      tensor = index === undefined ? undefined : tensors.names[index];
    }
    if (tensor === undefined) return undefined;
    panels.show(uri, tensor, options.beside ? vscode.ViewColumn.Beside : undefined);
    return tensor;
  } catch (thrown) {
    void vscode.window.showErrorMessage(LoupeError.from(thrown).message);
    return undefined;
  }
}
