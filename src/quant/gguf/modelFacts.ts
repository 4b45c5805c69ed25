/** What the mixes ask of a model: figures of its metadata as llama.cpp reads them (llama-model.cpp, src/models). */

export interface ModelFacts {
  /** `general.architecture`. */
  readonly architecture: string;
  readonly layers: number;
  readonly experts: number;
  /** Query heads that share a key head in the first layer; 0 where that is not known. */
  readonly headsPerKeyHead: number;
  /** llama.cpp counts it among the 70B models, whose few attention values get more bits. */
  readonly isSeventyB: boolean;
}

/** A value of the metadata: a number, a text, or the first values of an array. */
export type FactValue = number | string | undefined | readonly (number | string | boolean)[];

/** Architectures that count as 70B by their number of layers alone. */
const seventyBLayers: ReadonlyMap<string, number> = new Map([
  ['qwen2', 80],
  ['deci', 80],
  ['olmo', 80],
  ['jais2', 68],
]);
const llamas: ReadonlySet<string> = new Set(['llama', 'llama-embed']);
const hunyuans: ReadonlySet<string> = new Set(['hunyuan_vl', 'hunyuan-dense']);

/** `get` gives the value under a key of the metadata. */
export function modelFacts(get: (key: string) => FactValue): ModelFacts {
  const architecture = String(get('general.architecture') ?? '');
  const figure = (name: string): number | undefined => {
    const value = get(`${architecture}.${name}`);
    const first = Array.isArray(value) ? value[0] : value;
    return typeof first === 'number' ? first : undefined;
  };
  // A vision tower is quantized without being read as a language model.
  if (architecture === 'clip')
    return { architecture, layers: 0, experts: 0, headsPerKeyHead: 0, isSeventyB: false };
  const blocks = figure('block_count') ?? 0;
  const claimed = figure('expert_count') ?? 0;
  const experts = hunyuans.has(architecture) && claimed <= 1 ? 0 : claimed;
  const heads = figure('attention.head_count') ?? 0;
  const keyHeads = figure('attention.head_count_kv') ?? heads;
  const ownLayers = blocks - (figure('nextn_predict_layers') ?? 0);
  const isLargeLlama = llamas.has(architecture) && experts !== 8 && ownLayers === 80 && heads !== keyHeads;
  return {
    architecture,
    layers: layersOf(architecture, blocks, ownLayers, figure),
    experts,
    headsPerKeyHead: keyHeads === 0 ? 0 : Math.floor(heads / keyHeads),
    isSeventyB: isLargeLlama || seventyBLayers.get(architecture) === ownLayers,
  };
}

/** Layers as llama.cpp counts them: two architectures run some that are not stored. */
function layersOf(
  architecture: string,
  blocks: number,
  ownLayers: number,
  figure: (name: string) => number | undefined,
): number {
  if (architecture === 'graniteswitch') return ownLayers + 1;
  const loops = architecture === 'nanbeige' ? (figure('num_loops') ?? 1) : 1;
  if (loops > 1) return ownLayers * loops;
  return blocks;
}
