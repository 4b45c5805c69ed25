/** What the dialog offers for the sizes of an output's files. Nothing here talks to VS Code. */
import { bytesOfText, textOfBytes } from '../numeric/byteSize';
import type { QuantizeReport } from '../protocol/engineApi';
import { leastShardBytes } from '../quant/recipe';
import type { Choice } from './schemeMenu';

/** Hugging Face's tools cut at 5 GB, older ones at 10 GB; FAT file systems and some hosts take less than 4. */
const presets = [1e9, 2e9, 5e9, 10e9] as const;

/** A largest size of a file in bytes; `keep`: the source's shards; `other`: one that is typed. */
export type ShardSize = number | 'keep' | 'other';

const filesText = (count: number | undefined): string | undefined =>
  count === undefined ? undefined : count === 1 ? '1 file' : `${count} files`;

/** What an output is that is not cut: the files that the model has, or a GGUF file. */
export type Uncut = 'as the model' | 'one file';
const uncutTexts = {
  'as the model': [
    'Files as the model has them',
    'As the model has them',
    'What lies in one file stays in one file',
  ],
  'one file': ['One file', 'One file', 'As most tools want it'],
} as const;

/** The line beside the target that says how the output is cut, and leads to the sizes. */
export function shardItem<T>(
  value: T,
  maxShardBytes: number | undefined,
  { fileCount }: Pick<QuantizeReport, 'fileCount'>,
  uncut: Uncut = 'as the model',
): Choice<T> {
  const label =
    maxShardBytes === undefined ? uncutTexts[uncut][0] : `Files of ${textOfBytes(maxShardBytes)} at most`;
  return {
    ...{ value, label },
    // "One file" says it already.
    description: label === uncutTexts['one file'][0] && fileCount === 1 ? '' : (filesText(fileCount) ?? ''),
    detail: 'Cut the weights into files of another size...',
  };
}

/** The sizes, each with the number of files that it makes of this model. `own`: one that was typed before. */
export async function shardItems(
  plan: (maxShardBytes: number | undefined) => Promise<Pick<QuantizeReport, 'fileCount'>>,
  own: number | undefined,
  uncut: Uncut = 'as the model',
): Promise<Choice<ShardSize>[]> {
  const sizes = [...new Set([...presets, ...(own === undefined ? [] : [own])])].sort((a, b) => a - b);
  const line = async (value: number | 'keep', label: string, detail: string): Promise<Choice<ShardSize>> => ({
    ...{ value, label, detail },
    description: filesText((await plan(value === 'keep' ? undefined : value)).fileCount) ?? '',
  });
  return [
    await line('keep', uncutTexts[uncut][1], uncutTexts[uncut][2]),
    ...(await Promise.all(
      sizes.map((size) =>
        line(
          size,
          `At most ${textOfBytes(size)}`,
          size === 5e9
            ? "What Hugging Face's tools cut weights at"
            : 'A single larger weight has a file of its own',
        ),
      ),
    )),
    { value: 'other', label: 'Another size...', detail: 'Such as 500MB or 3.5GiB' },
  ];
}

/** Why a typed size cannot be taken; undefined where it can. */
export function sizeProblem(text: string): string | undefined {
  const bytes = bytesOfText(text);
  if (bytes === undefined) return 'Type a size, such as 500MB, 2GB or 3.5GiB.';
  return bytes < leastShardBytes ? `Files have at least ${textOfBytes(leastShardBytes)}.` : undefined;
}
