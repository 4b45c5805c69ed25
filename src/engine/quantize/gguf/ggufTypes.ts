/** Decides the type of each tensor of a GGUF output: by a file type's mix, or by a recipe. */
import { LoupeError } from '../../../errors';
import type { Checkpoint, MetadataEntry, TensorInfo } from '../../../formats/checkpoint';
import { findDtype } from '../../../numeric/dtypes';
import type { QuantizeRequest } from '../../../protocol/engineApi';
import { resolveChoice } from '../../../quant/choice';
import { fileTypeNamed, findFileType, type GgufFileType, isCopy } from '../../../quant/gguf/fileTypes';
import { typeOfScheme, writableFileTypes } from '../../../quant/gguf/ggmlSchemes';
import { type FactValue, modelFacts } from '../../../quant/gguf/modelFacts';
import { matchingSteps, type PlannedType, planTypes } from '../../../quant/gguf/tensorTypes';
import { compilePattern } from '../../../quant/namePattern';
import type { Recipe, ResolvedRecipe, ResolvedTensor } from '../../../quant/recipe';
import { schemeNamed } from '../../../quant/schemes';
import { resolveFor } from '../../recipe/policy';
import type { GgufSource } from './ggufSource';

export interface DecidedTensor {
  readonly tensor: TensorInfo;
  readonly type: string;
  readonly note?: string | undefined;
  /** Its type makes garbage without importance. */
  readonly needsImportance?: boolean | undefined;
}

export interface TypeDecision {
  readonly fileType: GgufFileType;
  readonly byTensor: ReadonlyMap<TensorInfo, DecidedTensor>;
  readonly warnings: readonly string[];
  /** Writing refuses it without an importance matrix; the first of the warnings says so. */
  readonly lacksMatrix: boolean;
  /** How often each rule of a recipe decided; empty where none was given. */
  readonly recipeRules: ResolvedRecipe['rules'];
}

/** A model as it was opened, and as a GGUF output has it. */
export interface DecidedModel {
  readonly given: Checkpoint;
  readonly model: Pick<GgufSource, 'checkpoint' | 'madeOf'>;
}

/** `tensors` in the output's order, which the mixes go by. Throws as `planTypes` does, and for what GGUF does not hold. */
export function decideTypes(
  { given, model }: DecidedModel,
  tensors: readonly TensorInfo[],
  request: QuantizeRequest,
  hasImportance: boolean,
): TypeDecision {
  if (request.recipe) return decideByRecipe({ given, model }, request.recipe, request);
  const { checkpoint } = model;
  const fileType = requestedFileType(checkpoint, request);
  if (isCopy(fileType.name)) return copied(tensors, fileType);
  const { rules, outputType, tokenEmbeddingType, leaveOutput } = request.gguf ?? {};
  const planned = planTypes(fileType, tensors, modelFacts(factsOf(checkpoint)), {
    ...{ pure: request.pure, hasImportance, leaveOutput, rules },
    outputType: outputType?.toUpperCase(),
    tokenEmbeddingType: tokenEmbeddingType?.toUpperCase(),
  });
  const byTensor = new Map(
    tensors.map((tensor, i): [TensorInfo, DecidedTensor] => {
      const { type, needsImportance } = planned[i]!;
      return [tensor, { tensor, type, needsImportance, note: noteOf(planned[i]!, tensor) }];
    }),
  );
  assertRequantizable([...byTensor.values()], request);
  const blind = tensors.find((tensor, i) => planned[i]!.needsImportance && planned[i]!.type !== tensor.dtype);
  const warnings: string[] = [];
  const lacksMatrix = blind !== undefined && !hasImportance;
  if (lacksMatrix) {
    const message = `${fileType.name} needs an importance matrix (${blind.name} would be garbage without): make one with llama-imatrix.`;
    if (!request.dryRun) throw new LoupeError('refused', message, { tensor: blind.name });
    warnings.push(message);
  }
  for (const { pattern } of rules ?? []) {
    const matches = compilePattern(pattern);
    const work = { steps: matchingSteps };
    if (!tensors.some(({ name }) => matches.test(name, work)))
      warnings.push(`No tensor's name matches ${pattern}.`);
  }
  const fallbacks = planned.filter(({ insteadOf }) => insteadOf !== undefined).length;
  if (fallbacks > 0)
    warnings.push(
      `${fallbacks} of ${tensors.length} tensors have rows that do not fill the type's blocks, and get another type.`,
    );
  return { fileType, byTensor, warnings, lacksMatrix, recipeRules: [] };
}

function copied(tensors: readonly TensorInfo[], fileType: GgufFileType): TypeDecision {
  const byTensor = new Map(
    tensors.map((tensor) => [tensor, { tensor, type: tensor.dtype, note: 'kept: copied' }]),
  );
  return { fileType, byTensor, warnings: [], lacksMatrix: false, recipeRules: [] };
}

/** The file type that was asked for by its name, or by a scheme that is one of ggml's. */
function requestedFileType({ path: file }: Checkpoint, request: QuantizeRequest): GgufFileType {
  const choice = resolveChoice(request);
  if (choice.prune !== undefined || choice.output !== 'auto')
    throw new LoupeError('unsupported', 'Pruned and dequantized copies are not written as GGUF.', { file });
  if (request.gguf) return fileTypeNamed(request.gguf.fileType);
  const type = typeOfScheme(choice.scheme);
  const found = findFileType(type ?? choice.scheme);
  if (!found) {
    const known = writableFileTypes.map(({ name }) => name.toLowerCase()).join(', ');
    throw new LoupeError(
      'unsupported',
      `A GGUF file holds ggml's types, and ${schemeNamed(choice.scheme).label} is none of them; its error can be previewed. Known: ${known}.`,
      { file },
    );
  }
  return found;
}

/** Values of the metadata as the mixes ask for them: arrays by their first values. */
function factsOf({ metadata }: Checkpoint): (key: string) => FactValue {
  const values = new Map<string, MetadataEntry['value']>(metadata.map(({ key, value }) => [key, value]));
  return (key) => {
    const value = values.get(key);
    if (typeof value === 'boolean') return undefined;
    return typeof value === 'object' ? value.head : value;
  };
}

function noteOf({ kept, insteadOf, type }: PlannedType, { dtype, shape }: TensorInfo): string | undefined {
  if (kept !== undefined) return `kept: ${kept}`;
  if (type === dtype) return `kept: ${dtype} already`;
  return insteadOf === undefined ? undefined : `not ${insteadOf}: rows of ${shape.at(-1)} values`;
}

function assertRequantizable(decided: readonly DecidedTensor[], { gguf }: QuantizeRequest): void {
  if (gguf?.allowRequantize) return;
  const again = decided.find(
    ({ tensor, type }) => tensor.dtype !== type && findDtype(tensor.dtype)?.kind === 'quantized',
  );
  if (again)
    throw new LoupeError(
      'refused',
      `${again.tensor.name} is ${again.tensor.dtype} already, and quantizing it again loses more. Start from an F16 or BF16 file, or allow it (--allow-requantize).`,
      { tensor: again.tensor.name },
    );
}

/**
 * A recipe says the type of each tensor itself, by the names that the model has: those of a Hugging Face model too, where experts that
 * are stacked into one tensor must agree.
 */
function decideByRecipe(
  { given, model }: DecidedModel,
  recipe: Recipe,
  request: QuantizeRequest,
): TypeDecision {
  const resolved = resolveFor(given, recipe);
  const byName = new Map(given.tensors.map(({ name }, index) => [name, resolved.tensors[index]!]));
  const byTensor = new Map(
    model.checkpoint.tensors.map((tensor): [TensorInfo, DecidedTensor] => {
      const [first, ...others] = model.madeOf(tensor).map((name) => typeBy(byName.get(name)!, tensor));
      const other = others.find(({ type }) => type !== first!.type);
      if (other)
        throw new LoupeError(
          'refused',
          `${tensor.name} holds the experts of a layer in one type, and the recipe gives them ${first!.type} and ${other.type}.`,
          { tensor: tensor.name },
        );
      return [tensor, first ?? { tensor, type: tensor.dtype, note: 'kept: computed' }];
    }),
  );
  assertRequantizable([...byTensor.values()], request);
  const fileType = commonest([...byTensor.values()]);
  return { fileType, byTensor, warnings: [], lacksMatrix: false, recipeRules: resolved.rules };
}

function typeBy(item: ResolvedTensor, tensor: TensorInfo): DecidedTensor {
  if (!item.choice) return { tensor, type: tensor.dtype, note: item.reason };
  const { scheme, prune, output } = resolveChoice(item.choice);
  const type = typeOfScheme(scheme);
  if (type === undefined || prune !== undefined || output !== 'auto')
    throw new LoupeError(
      'refused',
      `${tensor.name}: a GGUF file holds ggml's types only, and ${schemeNamed(scheme).label} with these options is none of them.`,
      { tensor: tensor.name },
    );
  const { needsImportance } = schemeNamed(scheme);
  return { tensor, type, needsImportance, note: type === tensor.dtype ? `kept: ${type} already` : undefined };
}

/** The file type named after the type that most values have, as llama.cpp guesses it. */
function commonest(decided: readonly DecidedTensor[]): GgufFileType {
  const elements = new Map<string, number>();
  for (const { tensor, type } of decided) elements.set(type, (elements.get(type) ?? 0) + tensor.elements);
  const sorted = [...elements].sort(([, a], [, b]) => b - a);
  for (const [type] of sorted) {
    const found = findFileType(type);
    if (found) return found;
  }
  return fileTypeNamed('F16');
}
