/** Keys of the viewer's page: commands by one letter, and those that the table hands on to the picture. */
import type { TensorPageContract } from '../../../src/protocol/tensorViewApi';

type Command = TensorPageContract['run']['params']['kind'];

const commands: Readonly<Record<string, Command>> = {
  g: 'goToIndex',
  c: 'copy',
  s: 'save',
  t: 'toggleTable',
};

/** The command of a key; none where one types or another part has keys of its own. */
export function commandOfKey(event: KeyboardEvent): Command | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const target = event.target as HTMLElement;
  if (target.closest('input, textarea, vscode-single-select, tl-histogram')) return undefined;
  return Object.hasOwn(commands, event.key.toLowerCase()) ? commands[event.key.toLowerCase()] : undefined;
}

/** Lets another element answer a key; the event is over where it does. */
export function passKey(event: KeyboardEvent, to: HTMLElement): void {
  const { key, shiftKey, ctrlKey } = event;
  // Without bubbling: the page has seen this key already.
  if (to.dispatchEvent(new KeyboardEvent('keydown', { key, shiftKey, ctrlKey, cancelable: true }))) return;
  event.preventDefault();
  event.stopPropagation();
}
