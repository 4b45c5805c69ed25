/** From a GPU to its architecture, and from what that runs natively to a scheme. */
import type {
  Gpu,
  GpuArchitecture,
  GpuSpecification,
  GpuSpecifications,
  SchemeAdvice,
} from '../../../protocol/backendApi';
import { choiceLabel } from '../../../quant/choiceLabel';
import type { SchemeChoice } from '../../../quant/types';
import { gpuArchitectures } from './architectures';
import { type GpuModel, gpuModels } from './models';

const byId = new Map(gpuArchitectures.map((each) => [each.id, each]));

/** Words that name no model: makers, and what marketing puts around a name. */
const fillers =
  /\b(nvidia|amd|intel|apple|corporation|radeon graphics|tm|r|gpu|series|graphics card)\b|[()®™]/g;
/** What tells one version of a model from another but not its architecture. */
const versions =
  /\b(laptop|mobile|super|max-q|pcie|sxm\d?|nvl|hbm\d?e?|\d+ ?g[bi]b?|d|ti|oam|server edition|workstation edition|edition)\b/g;

const words = (name: string): string[] =>
  name
    .toLowerCase()
    .replaceAll(fillers, ' ')
    .replaceAll(versions, ' ')
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');

/** Words that makers put before a model's own and that systems leave out or add at will. */
const families = new Set(['geforce', 'tesla', 'quadro', 'instinct', 'radeon', 'generation', 'graphics']);
/** Of `Navi 31 [Radeon RX 7900 XT/7900 XTX]`, a list's way to name a chip's models, the first model. */
const plain = (name: string): string => /\[([^\]/]+)/.exec(name)?.[1] ?? name;

const essential = (name: string): string[] => words(plain(name)).filter((word) => !families.has(word));

/**
 * The model that a system's name means: all of the model's own words stand in it one after the other, and no longer
 * model's do. "NVIDIA A100-SXM4-80GB" is an A100, "NVIDIA RTX A1000" is none that is known.
 */
export function modelNamed(name: string, vendor: Gpu['vendor']): GpuModel | undefined {
  const asked = essential(name);
  const fits = gpuModels.filter((model) => {
    if (model.vendor !== vendor) return false;
    const own = essential(model.name);
    return own.length > 0 && own.length === asked.length && own.every((word, i) => word === asked[i]);
  });
  return fits[0];
}

/** What a GPU of this machine runs: by the driver's word for the architecture, else by the name. */
export function specificationOf(gpu: Gpu): GpuSpecification {
  const byCode = gpuArchitectures.find(({ codes }) => gpu.code !== undefined && codes.includes(gpu.code));
  const model = modelNamed(gpu.name, gpu.vendor);
  const architecture = byCode ?? (gpu.code === undefined && model ? byId.get(model.architecture) : undefined);
  return {
    name: gpu.name,
    vendor: gpu.vendor,
    memoryBytes: gpu.memoryBytes,
    sharesMemory: gpu.sharesMemory,
    architecture,
    knownBy: byCode ? 'driver' : architecture ? 'name' : 'none',
    schemes: architecture ? adviceFor(architecture) : [],
  };
}

/** What a model of the list runs. */
function specificationOfModel(model: GpuModel): GpuSpecification {
  const architecture = byId.get(model.architecture)!;
  return {
    name: model.name,
    vendor: model.vendor,
    memoryBytes: model.memoryGiB ? model.memoryGiB * 2 ** 30 : undefined,
    sharesMemory: model.memoryGiB === 0 ? true : undefined,
    architecture,
    knownBy: 'name',
    schemes: adviceFor(architecture),
  };
}

export function gpuSpecifications(gpus: readonly Gpu[]): GpuSpecifications {
  return { here: gpus.map(specificationOf), others: gpuModels.map(specificationOfModel) };
}

const advice = (choice: SchemeChoice, why: string): SchemeAdvice => ({
  choice,
  label: choiceLabel(choice),
  why,
});

/**
 * Schemes that follow from what an architecture multiplies natively, the smallest native kind first, then what saves
 * most memory, then the 16-bit float to keep the rest in.
 */
export function adviceFor({ vendor, support }: GpuArchitecture): SchemeAdvice[] {
  const list: SchemeAdvice[] = [];
  if (support.fp4 === 'matrix') {
    const isNvidia = vendor === 'nvidia';
    list.push(
      advice(
        isNvidia
          ? { scheme: 'nvfp4', granularity: 'block', blockSize: 16 }
          : { scheme: 'mxfp4', granularity: 'block', blockSize: 32 },
        `Its matrix units multiply FP4 with block scales, the smallest weights that it runs natively.`,
      ),
    );
  }
  if (support.fp8 === 'matrix') {
    list.push(
      advice(
        { scheme: 'f8-e4m3', granularity: 'row' },
        'Its matrix units multiply FP8, half the bytes of BF16 with a wide range and little loss.',
      ),
    );
  }
  if (support.int8 === 'matrix' && support.fp8 !== 'matrix') {
    list.push(
      advice(
        { scheme: 'int8-absmax', granularity: 'row' },
        'INT8 is the smallest kind that its matrix units multiply; FP8 and FP4 would be converted to 16 bits first.',
      ),
    );
  }
  if (support.fp4 !== 'matrix') {
    list.push(
      advice(
        { scheme: 'int4-absmax', granularity: 'block', blockSize: 128 },
        support.int8 === 'matrix' || support.fp8 === 'matrix'
          ? 'For a model that does not fit otherwise: a quarter of the bytes of BF16, converted to 16 bits where they are multiplied.'
          : 'Nothing below 16 bits is multiplied by matrix units here, so small weights save memory and the time to read it: a quarter of the bytes of BF16.',
      ),
    );
  }
  if (support.bf16 === 'none' && support.f16 !== 'none') {
    list.push(
      advice(
        { scheme: 'f16', granularity: 'none' },
        'What stays unquantized: it does not multiply BF16. F16 ends at 65,504, so look at the largest values first.',
      ),
    );
  }
  return list;
}
