/** What the context menu of a row offers. */
import type { CheckpointSession } from '../state/session';

export interface RowMenuActions {
  copy(text: string): void;
  filter(text: string): void;
  fold(groups: readonly number[], folded: boolean): void;
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
  const first = tensors.byteOffset[entry]!;
  const range = `${files[tensors.file[entry]!]?.path ?? ''} ${first}-${first + tensors.bytes[entry]!}`;
  return [
    { label: 'Copy Name', value: 'copy', keybinding: 'C', run: () => actions.copy(name) },
    { label: 'Copy File and Byte Range', value: 'range', run: () => actions.copy(range) },
    { label: 'Show in Every Layer', value: 'filter', run: () => actions.filter(everyLayer(name)) },
    ...folding,
  ];
}
