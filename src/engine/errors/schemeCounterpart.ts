/** What a tensor becomes under a choice, for views that encode on the fly. */
import type { Checkpoint } from '../../formats/checkpoint';
import { encodingFor } from '../../quant/encoding';
import { type Setting, storedBytes } from '../../quant/scheme';
import type { TensorError } from '../../quant/types';
import { surveyTensor } from '../encode/encodeTensor';
import { kernelCode, type RowParameterTable, rowParameterTable } from '../encode/quantizeTensor';
import type { Engine } from '../jobs';
import { namingTensor } from '../namingTensor';
import type { TensorSource } from '../tensorSource';
import type { TaskOptions } from '../worker/pool';
import type { Counterpart } from '../worker/task';

export interface SchemeCounterpart {
  readonly counterpart: Counterpart;
  readonly about: Pick<TensorError, 'to' | 'bytes'>;
  /** Bounds of the original and the dequantized values, where they are known without another pass. */
  readonly extent?: { readonly min: number; readonly max: number } | undefined;
}

/**
 * The counterpart of a tensor under a choice made for it. `remember` keeps what takes a pass over the tensor. Throws what the
 * scheme refuses.
 */
export async function schemeCounterpart(
  engine: Engine,
  checkpoint: Checkpoint,
  source: TensorSource,
  setting: Setting,
  remember: <T>(key: string, compute: () => Promise<T>) => Promise<T>,
  { urgent }: TaskOptions,
): Promise<SchemeCounterpart> {
  const { choice } = setting;
  const encoding = namingTensor(source, () => encodingFor(setting));
  const key = Object.entries(setting.choice)
    .map(([name, value]) => `${name}=${value ?? ''}`)
    .sort()
    .join(' ');
  // Others may wait for the same pass: one request's cancellation must not fail theirs.
  if (kernelCode(setting)) {
    const table: RowParameterTable = await remember(`table ${source.name} ${key}`, () =>
      rowParameterTable(engine.pool, source, choice, { urgent }),
    );
    return {
      counterpart: { kind: 'scheme', scheme: choice.scheme, firstRow: 0, parameters: table.parameters },
      about: { to: encoding.to, bytes: storedBytes(encoding.pieces()) },
      extent: table,
    };
  }
  const known = await remember(`survey ${source.name} ${key}`, () =>
    surveyTensor(engine.pool, checkpoint, source, setting, { urgent }),
  );
  return {
    counterpart: { kind: 'encoding', setting, known },
    about: { to: encoding.to, bytes: storedBytes(encoding.pieces(known)) },
  };
}
