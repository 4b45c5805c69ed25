/** Saves values of a tensor as .npy or CSV. */
import { realpath } from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import { npyHeader } from '../../formats/numpy/npyWriter';
import { numpyDtype } from '../../numeric/numpyDtypes';
import type { SaveProgress, TensorViewContract } from '../../protocol/tensorViews';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { divide, partElements } from '../matrix';
import { namingTensorLater } from '../namingTensor';
import { OutputFile } from '../outputFile';
import { inOrder } from '../worker/inOrder';
import { checkedRegion, regionBlock, tensorMatrix } from './tensorMatrix';
import { textElements } from './textJob';

type Method = TensorViewContract['saveTensor'];

/** Writes the region whole or not at all. Throws `usage` for a region outside the matrix or a path that is not absolute, and what writing throws. */
export async function saveJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  params: Method['params'],
  { signal, progress }: JobContext<SaveProgress>,
): Promise<Method['result']> {
  const { tensor, slice, format, out } = params;
  const { shape } = opened.tensor(tensor);
  const source = opened.source(tensor);
  const matrix = tensorMatrix(shape, slice, source.name);
  const region = checkedRegion(matrix, params.region, source.name);
  const all = regionBlock(region);
  if (!path.isAbsolute(out)) throw new LoupeError('usage', `${out} is no absolute path.`);
  await refuseOwnFiles(opened, out);

  const file = await OutputFile.create(out, params.overwrite);
  try {
    if (format === 'npy') {
      const { descr, bytes: bytesEach, stored } = numpyDtype(source.dtype, source.packed !== undefined);
      const whole = params.region === undefined && slice === undefined;
      const header = npyHeader(descr, whole ? shape : [all.rows, all.columns]);
      const bytesTotal = header.length + bytesEach * all.rows * all.columns;
      await file.append(header);
      await file.extend(bytesTotal);
      let bytesDone = header.length;
      await namingTensorLater(source, () =>
        inOrder(
          divide(all, partElements),
          engine.pool.size + 1,
          signal,
          (block) => {
            const before = (block.row - all.row) * all.columns + block.column - all.column;
            const targetOffset = header.length + bytesEach * before;
            return engine.pool.run(
              { kind: 'save', source, matrix, block, stored, path: file.path, targetOffset },
              { signal },
            );
          },
          (bytes) => {
            bytesDone += bytes;
            progress({ bytesDone, bytesTotal });
          },
        ),
      );
    } else {
      let [bytesDone, valuesDone] = [0, 0];
      const values = all.rows * all.columns;
      await namingTensorLater(source, () =>
        inOrder(
          divide(all, textElements),
          engine.pool.size + 1,
          signal,
          (block) =>
            engine.pool.run({ kind: 'text', source, matrix, block, region, format: 'csv' }, { signal }),
          async (text, block) => {
            const bytes = new TextEncoder().encode(text);
            await file.append(bytes);
            bytesDone += bytes.length;
            valuesDone += block.rows * block.columns;
            progress({ bytesDone, bytesTotal: Math.round((bytesDone * values) / valuesDone) });
          },
        ),
      );
    }
    return { path: out, bytes: await file.commit() };
  } catch (thrown) {
    await file.discard();
    throw thrown;
  }
}

/** Values are never saved over the files that they come from. */
async function refuseOwnFiles({ checkpoint }: OpenedCheckpoint, out: string): Promise<void> {
  const real = await realpath(out).catch(() => out);
  for (const { path: own } of checkpoint.files) {
    if (own === out || own === real || (await realpath(own).catch(() => own)) === real)
      throw new LoupeError('refused', 'The values come from this file; it is left alone.', { file: out });
  }
}
