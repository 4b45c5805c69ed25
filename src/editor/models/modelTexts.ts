/** What is said of a model in lists and in the Explorer. Pure. */
import { binarySize, parameterCount } from '../../numeric/sizeText';
import type { CheckpointBrief } from '../../protocol/engineApi';
import type { LocalModel, ModelPlace } from '../../protocol/modelsApi';

/** What the headers say, or why they cannot be read. */
export type ModelSummary = { readonly brief: CheckpointBrief } | { readonly refusal: string };

export const placeNames: Readonly<Record<ModelPlace, string>> = {
  workspace: 'Workspace',
  huggingFace: 'Hugging Face Cache',
  ollama: 'ollama',
};

/** Types whose weights make less than a tenth of the model are not what it is known by. */
const namedShare = 0.1;

/** "Q4_K" or "BF16 + F32": the types that hold most of the bytes. */
export function dtypeText({ dtypes, bytes }: CheckpointBrief): string {
  const named = dtypes.filter((each, i) => i === 0 || each.bytes >= namedShare * bytes).slice(0, 2);
  return named.map(({ dtype }) => dtype).join(' + ');
}

/** "1.10 B BF16, 2.20 GiB": parameters, types and bytes of the tensors. */
export const briefText = (brief: CheckpointBrief): string =>
  `${[parameterCount(brief.parameters), dtypeText(brief)].filter((part) => part !== '').join(' ')}, ${binarySize(brief.bytes)}`;

/** Beside the model's name in a list. */
export function modelDescription(model: LocalModel, summary: ModelSummary | undefined): string {
  const size = binarySize(model.bytes);
  if (!summary) return size;
  if ('refusal' in summary) return `${size} · cannot be read`;
  const { brief } = summary;
  const weights = [parameterCount(brief.parameters), dtypeText(brief)]
    .filter((part) => part !== '')
    .join(' ');
  // A narrow view cuts the end.
  return [size, weights, brief.architecture?.name].filter((part) => part).join(' · ');
}

/** Line by line, as plain text: names come from files. */
export function modelTooltip(model: LocalModel, summary: ModelSummary | undefined): string {
  const lines = [model.name];
  if (summary && 'refusal' in summary) lines.push(`Cannot be read: ${summary.refusal}`);
  if (summary && 'brief' in summary) {
    const { brief } = summary;
    if (brief.architecture) lines.push(architectureText(brief.architecture));
    lines.push(`${parameterCount(brief.parameters)} parameters (${brief.parameters.toLocaleString()})`);
    for (const { dtype, bytes, tensors } of brief.dtypes.slice(0, 4))
      lines.push(`${dtype}: ${binarySize(bytes)} in ${tensors} ${tensors === 1 ? 'tensor' : 'tensors'}`);
    if (brief.dtypes.length > 4) lines.push(`and ${brief.dtypes.length - 4} more types`);
    if (brief.errors > 0)
      lines.push(`${brief.errors} ${brief.errors === 1 ? 'fault' : 'faults'} in the files`);
  }
  const files = model.files.length - model.missing;
  lines.push(
    `${binarySize(model.bytes)} on disk (${model.bytes.toLocaleString()} bytes) in ${files} ${files === 1 ? 'file' : 'files'}`,
  );
  if (model.missing > 0)
    lines.push(`${model.missing} ${model.missing === 1 ? 'file is' : 'files are'} missing`);
  lines.push(`Changed ${new Date(model.mtimeMs).toLocaleString()}`, model.path);
  return lines.join('\n');
}

function architectureText(architecture: NonNullable<CheckpointBrief['architecture']>): string {
  const { name, layers, hiddenSize, contextLength } = architecture;
  return [
    name,
    ...(layers === undefined ? [] : [`${layers} layers`]),
    ...(hiddenSize === undefined ? [] : [`width ${hiddenSize}`]),
    ...(contextLength === undefined ? [] : [`context ${contextLength.toLocaleString()}`]),
  ].join(', ');
}

/** Two characters, which is all that the Explorer shows: whole bits of a weight of the commonest type, "4b" or "16". */
export function bitsBadge({ dtypes }: CheckpointBrief): string | undefined {
  const [main] = dtypes;
  if (!main || main.parameters === 0) return undefined;
  // Scales make blocks a little larger: Q4_K takes 4.5 bits.
  const bits = Math.floor((8 * main.bytes) / main.parameters);
  if (bits < 1 || bits > 64) return undefined;
  return bits < 10 ? `${bits}b` : String(bits);
}
