/** Which types some tensors of a GGUF output could have, and what they would take in each. */
import { LoupeError } from '../../errors';
import type { TensorInfo } from '../../formats/checkpoint';
import { dtypes } from '../../numeric/dtypes';
import type { EngineContract } from '../../protocol/engineApi';
import { schemeOfType } from '../../quant/gguf/ggmlSchemes';
import { keptBecause } from '../../quant/gguf/tensorCategory';
import { bytesIn, fittingType, needsImportance } from '../../quant/gguf/tensorTypes';
import type { OpenedCheckpoint } from '../checkpointCache';
import { ggufImportance, type TensorImportance } from '../quantize/gguf/ggufImportance';
import { planGguf } from '../quantize/gguf/ggufPlan';
import { dryRequest, namesMatching } from './ggufErrorJob';

type Method = EngineContract['ggufTypeChoices'];
type Choice = Method['result']['choices'][number];

const bitsOf = (type: string): number => {
  const { blockBytes, blockElements } = dtypes.get(type)!;
  return (8 * blockBytes) / blockElements;
};

/** Types that hold weights and can be written, from many bits to few. */
const writableTypes: readonly string[] = [...dtypes.keys()]
  .filter((type) => schemeOfType(type) !== undefined)
  .sort((one, other) => bitsOf(other) - bitsOf(one));

/** Throws as `planGguf` does, and `usage` for what is no pattern. */
export async function ggufTypeChoicesJob(
  opened: OpenedCheckpoint,
  { path, gguf, pattern }: Method['params'],
): Promise<Method['result']> {
  const { shards, fileType = '' } = await planGguf(opened.checkpoint, dryRequest(path, gguf));
  const isMeant = namesMatching(pattern);
  const tensors = shards
    .flatMap((shard) => shard.tensors.map(({ tensor }) => tensor))
    .filter(({ name, shape }) => isMeant(name) && keptBecause(name, shape) === undefined);
  const importance = await ggufImportance(gguf);
  const choices = writableTypes.map((type) => choiceOf(type, tensors, fileType, importance));
  return { tensors: tensors.map(({ name }) => name), choices };
}

function choiceOf(
  type: string,
  tensors: readonly TensorInfo[],
  fileType: string,
  importance: TensorImportance | undefined,
): Choice {
  let [bytes, unfit] = [0, 0];
  for (const tensor of tensors) {
    const { name, shape } = tensor;
    try {
      const fitting = fittingType(name, shape.at(-1) ?? 1, type);
      if (fitting !== type) unfit++;
      bytes += bytesIn(fitting, tensor);
      if (needsImportance(name, fitting, fileType) && !importance?.of(tensor)) {
        const refused = importance
          ? `the importance matrix lacks ${name}`
          : 'needs an importance matrix, which is not given';
        return { type, bytes: 0, unfit: 0, refused };
      }
    } catch (thrown) {
      return { type, bytes: 0, unfit: 0, refused: LoupeError.from(thrown).message };
    }
  }
  const { blockElements } = dtypes.get(type)!;
  if (unfit > 0 && unfit === tensors.length)
    return { type, bytes, unfit, refused: `rows do not fill its blocks of ${blockElements} values` };
  return { type, bytes, unfit };
}
