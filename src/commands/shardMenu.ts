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

/** The line beside the target that says how the output is cut, and leads to the sizes. */
export function shardItem<T>(
  value: T,
  maxShardBytes: number | undefined,
  { fileCount }: Pick<QuantizeReport, 'fileCount'>,
): Choice<T> {
  return {
    value,
    label:
      maxShardBytes === undefined
        ? 'Files as the model has them'
        : `Files of ${textOfBytes(maxShardBytes)} at most`,
    description: filesText(fileCount) ?? '',
    detail: 'Cut the weights into files of another size...',
  };
}

/** The sizes, each with the number of files that it makes of this model. `own`: one that was typed before. */
export async function shardItems(
  plan: (maxShardBytes: number | undefined) => Promise<Pick<QuantizeReport, 'fileCount'>>,
  own: number | undefined,
): Promise<Choice<ShardSize>[]> {
  const sizes = [...new Set([...presets, ...(own === undefined ? [] : [own])])].sort((a, b) => a - b);
  const line = async (value: number | 'keep', label: string, detail: string): Promise<Choice<ShardSize>> => ({
    ...{ value, label, detail },
    description: filesText((await plan(value === 'keep' ? undefined : value)).fileCount) ?? '',
  });
  return [
    await line('keep', 'As the model has them', 'What lies in one file stays in one file'),
    ...(await Promise.all(
      sizes.map((size) =>
        line(
          size,
          `At most ${textOfBytes(size)}`,
          size === 5e9 ? "What Hugging Face's tools cut at" : 'A single larger weight has a file of its own',
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
