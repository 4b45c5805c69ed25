/** Sizes of a GGUF model's weights under schemes that GGUF has no type for: what previews of their errors show. */
import * as path from 'node:path';
import type { Checkpoint } from '../../../formats/checkpoint';
import type { QuantizeRequest } from '../../../protocol/engineApi';
import { chosenOptions } from '../../../quant/choice';
import { encodingFor } from '../../../quant/encoding';
import { recipeOf } from '../../../quant/recipe';
import { storedBytes } from '../../../quant/scheme';
import { schemeNamed } from '../../../quant/schemes';
import { noErrorSums, tensorError } from '../../../quant/tensorError';
import { settingOf } from '../../encode/quantizeTensor';
import { namingTensor } from '../../namingTensor';
import { resolveFor } from '../../recipe/policy';
import { tensorSource } from '../../tensorSource';
import type { QuantizePlan } from '../plan';
import type { PlannedTensor } from '../plannedShard';

/** A plan that is never written. Its target is the model itself. Throws `refused` where a tensor does not fit the scheme. */
export function ggufSizes(checkpoint: Checkpoint, request: QuantizeRequest): QuantizePlan {
  const recipe = request.recipe ?? recipeOf(chosenOptions(request), request.pure);
  const resolved = resolveFor(checkpoint, recipe);
  let saved = 0;
  const tensors = resolved.tensors.map((decision, index): PlannedTensor => {
    const tensor = checkpoint.tensors[index]!;
    const { name, dtype, bytes, elements } = tensor;
    const source = decision.choice ? tensorSource(checkpoint, tensor) : undefined;
    if (!decision.choice || source === undefined || typeof source === 'string') {
      const note = decision.choice ? `kept: ${String(source)}` : decision.reason;
      const row = tensorError(noErrorSums, elements, { name, from: dtype, to: dtype, bytes, note });
      return { kind: 'copy', tensor, row, byteOffset: 0, isCarried: true };
    }
    const asked = settingOf(decision.choice, source);
    // Sizes do not depend on the importance that a type needs for its codes.
    const { needsImportance } = schemeNamed(asked.choice.scheme);
    const setting = needsImportance ? { ...asked, importance: new Float32Array(asked.columns) } : asked;
    const encoding = namingTensor(source, () => encodingFor(setting));
    const stored = storedBytes(encoding.pieces());
    saved += bytes - stored;
    const about = { name, from: dtype, to: encoding.to, bytes: stored };
    return { kind: 'quantize', tensor, source, setting, about, names: [], pieces: new Map() };
  });
  const bytesBefore = checkpoint.files.reduce((sum, file) => sum + file.bytes, 0);
  const bytesAfter = bytesBefore - saved;
  const open = path.basename(checkpoint.path);
  return {
    ...{ checkpoint, request, recipe, rules: resolved.rules, warnings: [], asFiles: true, open },
    out: checkpoint.path,
    shards: [{ name: open, headerBytes: new Uint8Array(0), totalBytes: bytesAfter, tensors }],
    texts: new Map(),
    sidecars: { ownFolder: false, names: [], bytes: 0 },
    ...{ bytesBefore, bytesAfter },
  };
}
