/** The dialog's question for the largest size of an output's files. */
import * as vscode from 'vscode';
import { bytesOfText, textOfBytes } from '../numeric/byteSize';
import type { QuantizeReport } from '../protocol/engineApi';
import { type Answer, pick } from './pickStep';
import { type ShardSize, shardItems, sizeProblem, type Uncut } from './shardMenu';

/**
 * Within a step of a dialog; `plan` tells what a size makes of the model. The value is the size in bytes, or undefined for the model's own
 * shards. Leaving the input of a size leads back to the sizes.
 */
export async function askShardSize(
  head: { readonly title: string; readonly step: number; readonly totalSteps: number },
  current: number | undefined,
  plan: (maxShardBytes: number | undefined) => Promise<QuantizeReport>,
  uncut?: Uncut,
): Promise<Answer<number | undefined>> {
  const items = shardItems(plan, current, uncut);
  for (;;) {
    const answer: Answer<ShardSize> = await pick<ShardSize>(
      { ...head, placeholder: 'Largest size of a file', active: current ?? 'keep' },
      items,
    );
    if (answer.kind !== 'value') return answer;
    const { value } = answer;
    if (value === 'keep') return { kind: 'value', value: undefined };
    if (value !== 'other') return { kind: 'value', value };
    const typed = await vscode.window.showInputBox({
      title: head.title,
      prompt: 'Largest size of a file: GB are 10^9 bytes, GiB 2^30',
      value: current === undefined ? '2GB' : textOfBytes(current),
      ignoreFocusOut: true,
      validateInput: sizeProblem,
    });
    const bytes = typed === undefined ? undefined : bytesOfText(typed);
    if (bytes !== undefined) return { kind: 'value', value: bytes };
  }
}
