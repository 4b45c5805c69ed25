/** Where a tensor stands in a model, told from its name: stack, layer, expert, kind of module, parameter. */
import { type ModuleKind, moduleKind } from './moduleKinds';

export interface ModulePlace extends ModuleKind {
  /** What stands before the layer's number: "model.layers", "blk", "encoder.block"; '' outside of layers. */
  readonly stack: string;
  /** The numbered blocks that it is in: "12", "0.attentions.1"; '' outside of layers. */
  readonly layer: string;
  /** Number of the expert, or -1. */
  readonly expert: number;
  /** What tells its column from the others of its stack. */
  readonly column: string;
  /** Path of its module below the layer; outside of layers the whole path. */
  readonly module: string;
  /** "weight", "bias", "A_log" ... */
  readonly parameter: string;
}

const isNumber = (segment: string) => /^\d{1,9}$/.test(segment);

/** Modules whose numbered children repeat: their numbers are part of a row's name. */
const containers =
  /(?:^|_)(?:layers?|blocks?|blk|resnets|attentions|stages?|groups)$|^h$|resblocks$|samplers$/;
/** These are Sequentials inside of a block, whose numbers are places. */
const sequentials = /^(?:in|out|emb|embed|skip|time|label)_layers$/;

/** Parameters that are no module of their own. */
const parameters =
  /^(?:weight|bias|kernel|gamma|beta|scales?|zeros|qweight|qzeros|g_idx|weight_(?:packed|scale|shape|zero_point)|running_(?:mean|var)|num_batches_tracked|a_log|d|dt_bias|codes|absmax|embedding|scale_inv|weight_scale_inv)$/i;

/** Splits a name into its module's segments and the parameter. `in_proj_weight` is the weight of `in_proj`. */
function withoutParameter(segments: readonly string[]): { module: string[]; parameter: string } {
  const last = segments.at(-1) ?? '';
  if (segments.length > 1 && parameters.test(last)) return { module: segments.slice(0, -1), parameter: last };
  const joined = /^(.+)_(weight|bias)$/.exec(last);
  if (joined) return { module: [...segments.slice(0, -1), joined[1]!], parameter: joined[2]! };
  return { module: [...segments], parameter: 'weight' };
}

/** Takes a name apart. Linear in its length. */
export function modulePlace(name: string): ModulePlace {
  const { module, parameter } = withoutParameter(name.split(/[./]/));
  const first = module.findIndex((segment, at) => at > 0 && isNumber(segment));
  if (first < 0) {
    const path = module.join('.');
    const kind = moduleKind(path, false, false);
    return { ...kind, stack: '', layer: '', expert: -1, column: parameter, module: path, parameter };
  }
  const container = module[first - 1]!;
  const layer = [module[first]!];
  const rest: string[] = [];
  let expert = -1;
  let isRow = true;
  for (let at = first + 1; at < module.length; at++) {
    const segment = module[at]!;
    const next = module[at + 1];
    // T5's `block.0.layer.1` is one block with numbered halves.
    const isHalf = container === 'block' && segment === 'layer';
    if (isRow && rest.length === 0 && isNumber(segment)) layer.push(segment);
    else if (
      isRow &&
      next !== undefined &&
      isNumber(next) &&
      containers.test(segment) &&
      !sequentials.test(segment) &&
      !isHalf &&
      at + 2 < module.length
    ) {
      layer.push(...rest.splice(0), segment, next);
      at++;
    } else if (expert < 0 && /experts$/.test(segment) && next !== undefined && isNumber(next)) {
      rest.push(segment);
      expert = Number(next);
      isRow = false;
      at++;
    } else rest.push(segment);
  }
  const path = rest.join('.');
  const kind = moduleKind(
    parameter === 'weight' || parameter === 'bias' ? path : join(path, parameter),
    true,
    expert >= 0,
  );
  const isKnown = kind.section !== 'other' && kind.rank < 99 && kind.section !== 'convolution';
  return {
    ...named(kind, parameter),
    stack: module.slice(0, first).join('.'),
    layer: layer.join('.'),
    expert,
    column: `${isKnown ? `${kind.section}:${kind.label}` : path}:${parameter}`,
    module: path,
    parameter,
  };
}

const join = (path: string, parameter: string) => (path === '' ? parameter : `${path}.${parameter}`);

/** The kind of a parameter: biases have a section of their own, others than weights are named. */
function named(kind: ModuleKind, parameter: string): ModuleKind {
  if (parameter === 'weight') return kind.label === '' ? { ...kind, label: 'weight' } : kind;
  if (parameter === 'bias') {
    const rank = kind.rank + (kind.section === 'norm' ? 1000 : kind.section === 'other' ? 2000 : 0);
    return { section: 'bias', label: kind.label === '' ? 'bias' : `${kind.label} bias`, rank };
  }
  return kind;
}
