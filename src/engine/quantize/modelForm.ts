/** How a model is stored whose weights are quantized in one way or in several, and what no layout can express. */
import { LoupeError } from '../../errors';
import { groupedConfig, type QuantizationGroup } from '../../formats/compressedTensors';
import { joinedModules } from '../../quant/joinedWeights';
import { moduleOf } from '../../quant/quantizationPolicy';
import type { StoredForm } from '../../quant/scheme';

/** A weight that is quantized or cast. */
export interface FormedWeight {
  readonly name: string;
  /** It is the weight of a Linear module: the only ones that layouts of quantized models name. */
  readonly isLinear: boolean;
  /** What it is otherwise: "embedding". */
  readonly kind: string;
  readonly form: StoredForm;
}

export interface ModelForm {
  /** config.json's `quantization_config`; undefined: plain tensors need none. */
  readonly config?: Record<string, unknown> | undefined;
  /** PyTorch's name of the whole model's new type. */
  readonly floatType?: string | undefined;
  /** What loaders may not take. */
  readonly warnings: readonly string[];
}

/**
 * Puts the forms of a model's weights together. `ignored` are the modules of linear weights that stay as they are. Throws
 * `refused` that names the tensor where one model cannot hold them all.
 *
 * In compressed-tensors several ways become several groups that name their modules: a target that names the class would
 * also match the modules which vLLM fuses from several weights, since it looks for classes first. Groups of several formats
 * name theirs, which loaders take before the model's, "mixed-precision".
 */
export function modelForm(weights: readonly FormedWeight[], ignored: readonly string[]): ModelForm {
  const stored = weights.filter(({ form }) => form.layout !== 'plain');
  const plain = weights.filter(({ form }) => form.layout === 'plain');
  const first = stored[0];
  const ignore = [...ignored, ...plain.filter(({ isLinear }) => isLinear).map(({ name }) => moduleOf(name))];
  if (!first) {
    const types = new Set(plain.map(({ form }) => (form.layout === 'plain' ? form.floatType : undefined)));
    const [only] = types;
    return { floatType: types.size === 1 ? only : undefined, warnings: [] };
  }
  for (const { name, form, isLinear, kind } of stored) {
    if (form.layout === 'none')
      refuse(name, `this cannot be written: ${form.reason} Its error can be previewed.`);
    if (form.layout !== first.form.layout) {
      refuse(name, `${form.layout} and ${first.form.layout} (${first.name}) cannot be in one model.`);
    }
    if (!isLinear) {
      refuse(
        name,
        `this is no weight of a linear layer (${kind}), and ${form.layout} holds only those; the output "fake" can be written.`,
      );
    }
  }
  if (first.form.layout === 'bitsandbytes') {
    const [config, ...others] = distinct(
      stored.map(({ form }) => (form.layout === 'bitsandbytes' ? form.config : {})),
    );
    if (others.length > 0) {
      const other = stored.find(
        ({ form }) => form.layout === 'bitsandbytes' && keyOf(form.config) !== keyOf(config),
      );
      refuse(
        other!.name,
        `bitsandbytes has one set of options for the whole model, and ${first.name} has another.`,
      );
    }
    return {
      config: { quant_method: 'bitsandbytes', ...config, llm_int8_skip_modules: ignore },
      warnings: [],
    };
  }
  const groups = groupsOf(stored);
  return {
    config: groupedConfig({ groups, ignore }),
    warnings: [
      ...(groups.length > 1 || plain.length > 0 ? fusedWarnings(stored, ignore) : []),
      ...kernelWarnings(groups),
      ...(stored.some(({ kind }) => kind === 'head') ? [headWarning] : []),
    ],
  };
}

function groupsOf(stored: readonly FormedWeight[]): QuantizationGroup[] {
  const groups = new Map<string, QuantizationGroup & { targets: string[] }>();
  for (const { name, form } of stored) {
    if (form.layout !== 'compressed-tensors') continue;
    const { format, weights } = form;
    const key = keyOf({ format, weights });
    const group = groups.get(key) ?? { format, weights, targets: [] };
    group.targets.push(moduleOf(name));
    groups.set(key, group);
  }
  const found = [...groups.values()];
  if (found.length !== 1) return found;
  // vLLM's head is of another class than its linear layers (`ParallelLMHead`), and is matched by its name.
  const heads = stored.flatMap(({ name, kind }) => (kind === 'head' ? [moduleOf(name)] : []));
  return [{ ...found[0]!, targets: ['Linear', ...heads] }];
}

/**
 * What vLLM loads but has no kernel for on most GPUs: integers in other groups than Marlin's and Machete's, and 8-bit ones with zero points,
 * which Machete alone takes (marlin_utils.py `query_marlin_supported_quant_types`, machete_utils.py). transformers dequantizes any of them.
 */
function kernelWarnings(groups: readonly QuantizationGroup[]): string[] {
  const integers = groups.flatMap(({ format, weights }) => (format === 'pack-quantized' ? [weights] : []));
  const sizes = integers.flatMap(({ group_size: size }) => (typeof size === 'number' ? [size] : []));
  const odd = [...new Set(sizes)].filter((size) => !marlinGroups.includes(size));
  const hasZeroPoints = integers.some((weights) => weights.num_bits === 8 && weights.symmetric === false);
  return [
    ...(odd.length > 0
      ? [
          `vLLM's kernels take groups of ${marlinGroups.slice(0, -1).join(', ')} and ${marlinGroups.at(-1)} columns, and these have ${odd.join(' and ')}: transformers loads them, vLLM at most in F16.`,
        ]
      : []),
    ...(hasZeroPoints
      ? [
          'vLLM has kernels for INT8 with zero points on Hopper GPUs only; transformers loads them anywhere, and INT8 absmax runs everywhere.',
        ]
      : []),
  ];
}
const headWarning =
  'The output head is quantized, too: transformers loads it, vLLM in recent versions only, and neither where config.json ties it to the embedding.';
const marlinGroups: readonly number[] = [32, 64, 128];

/** vLLM makes one matrix of some neighbours, which must then be stored alike. */
function fusedWarnings(stored: readonly FormedWeight[], ignore: readonly string[]): string[] {
  const ways = new Map(stored.map(({ name, form }) => [moduleOf(name), keyOf(form)]));
  for (const module of ignore) ways.set(module, 'ignored');
  const torn = new Set<string>();
  for (const module of ways.keys()) {
    const joined = joinedModules(module);
    if (!joined) continue;
    const { parent, family } = joined;
    const found = family.flatMap((name) => ways.get(parent + name) ?? []);
    if (new Set(found).size > 1) torn.add(`${parent}{${family.join(',')}}`);
  }
  const [example] = torn;
  if (example === undefined) return [];
  const more = torn.size > 1 ? ` and ${torn.size - 1} more` : '';
  return [`vLLM joins ${example}${more} into one matrix and cannot load them quantized differently.`];
}

function refuse(tensor: string, message: string): never {
  throw new LoupeError('refused', `${tensor}: ${message}`, { tensor });
}

/** Forms are plain values whose members are always written in one order. */
const keyOf = (value: unknown): string => JSON.stringify(value);

function distinct<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [keyOf(value), value])).values()];
}
