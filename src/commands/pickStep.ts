/** One step of a dialog of quick picks. */
import * as vscode from 'vscode';
import { LiveLines } from './liveLines';
import type { Choice } from './schemeMenu';

/** What a step led to. */
export type Answer<T> = { kind: 'value'; value: T } | { kind: 'back' } | { kind: 'escape' };

/** One step of the dialog. */
export function pick<T>(
  options: {
    title: string;
    step: number;
    /** Left out while it depends on the answer; then, and where there is one step only, none are counted. */
    totalSteps?: number | undefined;
    placeholder: string;
    active?: T | undefined;
    /** Shows the items anew as more gets known of them; the signal fires when the step is over. */
    update?:
      | ((show: (items: readonly Choice<T>[]) => void, signal: AbortSignal) => Promise<void>)
      | undefined;
  },
  items: readonly Choice<T>[] | Promise<readonly Choice<T>[]>,
): Promise<Answer<T>> {
  return new Promise((resolve, reject) => {
    const quickPick = vscode.window.createQuickPick<Choice<T>>();
    quickPick.title = options.title;
    if (options.totalSteps !== undefined && options.totalSteps > 1) {
      quickPick.step = options.step;
      quickPick.totalSteps = options.totalSteps;
    }
    quickPick.placeholder = options.placeholder;
    quickPick.matchOnDetail = true;
    // The view under the dialog may take the focus back between two steps; only Escape and Back leave.
    quickPick.ignoreFocusOut = true;
    const isOver = new AbortController();
    const show = (choices: readonly Choice<T>[], wanted: T | undefined) => {
      quickPick.items = choices;
      const active = choices.find((choice) => choice.value === wanted && !isSeparator(choice));
      if (active) quickPick.activeItems = [active];
      quickPick.busy = false;
    };
    const fail = (thrown: unknown) => {
      if (isOver.signal.aborted) return;
      reject(thrown);
      quickPick.dispose();
    };
    if (items instanceof Promise) {
      quickPick.busy = true;
      items.then((choices) => show(choices, options.active), fail);
    } else show(items, options.active);
    const live = new LiveLines(
      quickPick,
      (one, other) => one.value === other.value && isSeparator(one) === isSeparator(other),
    );
    if (options.update) {
      quickPick.busy = true;
      const showAgain = (choices: readonly Choice<T>[]) => {
        if (isOver.signal.aborted) return;
        // Not before: the line that is active at first may lie far down, and VS Code goes there.
        quickPick.keepScrollPosition = true;
        live.offer(choices);
      };
      const updated = options.update(showAgain, isOver.signal);
      updated.then(() => {
        if (!isOver.signal.aborted) quickPick.busy = false;
      }, fail);
    }
    if (options.step > 1) quickPick.buttons = [vscode.QuickInputButtons.Back];
    quickPick.onDidTriggerButton(() => finish({ kind: 'back' }));
    quickPick.onDidAccept(() => {
      const item = quickPick.selectedItems[0];
      // A line that only gives a reason stays where it is.
      if (item && !item.refused) finish({ kind: 'value', value: item.value });
    });
    quickPick.onDidHide(() => finish({ kind: 'escape' }));
    const finish = (answer: Answer<T>) => {
      isOver.abort();
      live.dispose();
      resolve(answer);
      quickPick.dispose();
    };
    quickPick.show();
  });
}

const isSeparator = ({ kind }: vscode.QuickPickItem): boolean => kind === vscode.QuickPickItemKind.Separator;
