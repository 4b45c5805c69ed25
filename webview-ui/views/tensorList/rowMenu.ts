/** What the context menu of a row offers. */
import type { CheckpointSession } from '../../state/session';
import { shapeOf } from '../../state/tableModel';

export interface RowMenuActions {
  copy(text: string): void;
  /** Opens the tensor viewer. */
  view(tensor: number): void;
  filter(text: string): void;
  fold(groups: readonly number[], folded: boolean): void;
  /** Shows one of the checkpoint's files in the Explorer. */
  reveal(file: number): void;
  exportTensors(): void;
}

/** An item of VscodeContextMenu, with what it does. */
export interface RowMenuItem {
  readonly label?: string;
  readonly value?: string;
  readonly keybinding?: string;
  readonly separator?: boolean;
  readonly run?: () => void;
}

/** A tensor's name with every number in it left open: the same weight in every layer. */
export function everyLayer(name: string): string {
  return name.replace(/(^|[./])\d+(?=[./])/g, '$1*');
}

/** Items for a tensor or, when negative, for the module group ~entry. */
export function rowMenuItems(
  session: CheckpointSession,
  entry: number,
  actions: RowMenuActions,
): readonly RowMenuItem[] {
  const { table, catalogue } = session;
  const groups = [...table.tree.groups.keys()];
  const folding: RowMenuItem[] =
    groups.length === 0
      ? []
      : [
          { separator: true },
          { label: 'Fold All', value: 'fold', run: () => actions.fold(groups, true) },
          { label: 'Unfold All', value: 'unfold', run: () => actions.fold(groups, false) },
        ];
  if (entry < 0) {
    const { key } = table.tree.groups[~entry]!;
    return [
      { label: 'Copy Name', value: 'copy', keybinding: 'C', run: () => actions.copy(key) },
      { label: 'Show This Module Only', value: 'filter', run: () => actions.filter(`${key}.*`) },
      ...folding,
    ];
  }
  const { tensors, files } = catalogue;
  const name = tensors.names[entry]!;
  const file = tensors.file[entry]!;
  const path = files[file]?.path ?? '';
  const first = tensors.byteOffset[entry]!;
  const range = `${path} ${first}-${first + tensors.bytes[entry]!}`;
  const shape = `[${shapeOf(tensors, entry).join(', ')}]`;
  return [
    { label: 'View Tensor', value: 'view', keybinding: 'V', run: () => actions.view(entry) },
    { separator: true },
    { label: 'Copy Name', value: 'copy', keybinding: 'C', run: () => actions.copy(name) },
    { label: 'Copy Shape', value: 'shape', run: () => actions.copy(shape) },
    { label: 'Copy File Path', value: 'path', run: () => actions.copy(path) },
    { label: 'Copy File and Byte Range', value: 'range', run: () => actions.copy(range) },
    { separator: true },
    { label: 'Reveal File in Explorer', value: 'reveal', run: () => actions.reveal(file) },
    { label: 'Export Tensor List…', value: 'export', run: () => actions.exportTensors() },
    { separator: true },
    { label: 'Show in Every Layer', value: 'filter', run: () => actions.filter(everyLayer(name)) },
    ...folding,
  ];
}
