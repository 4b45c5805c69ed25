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

function isNumber(segment: string): boolean {
  if (segment.length === 0 || segment.length > 9) return false;
  for (let i = 0; i < segment.length; i++) {
    const code = segment.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

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

interface Parsed {
  readonly place: ModulePlace;
  /** Which segments make up the layer, and which is the expert's number (-1: none). */
  readonly layerAt: readonly number[];
  readonly expertAt: number;
  /** No other segment is a number: names that differ in these alone have the same place otherwise. */
  readonly isPattern: boolean;
}

/** Takes a name apart. Linear in its length. */
export function modulePlace(name: string): ModulePlace {
  return parse(name.split(/[./]/)).place;
}

/** `modulePlace` for many names: what differs in numbers alone is recognised once. */
export function modulePlaces(names: readonly string[]): ModulePlace[] {
  const patterns = new Map<string, Parsed>();
  return names.map((name) => {
    const segments = name.split(/[./]/);
    // No segment holds a slash.
    const pattern = segments.map((segment) => (isNumber(segment) ? '/' : segment)).join('.');
    const known = patterns.get(pattern);
    if (known) {
      return {
        ...known.place,
        layer: known.layerAt.map((at) => segments[at]!).join('.'),
        expert: known.expertAt < 0 ? -1 : Number(segments[known.expertAt]),
      };
    }
    const parsed = parse(segments);
    if (parsed.isPattern) patterns.set(pattern, parsed);
    return parsed.place;
  });
}

function parse(segments: readonly string[]): Parsed {
  const { module, parameter } = withoutParameter(segments);
  const first = module.findIndex((segment, at) => at > 0 && isNumber(segment));
  if (first < 0) {
    const path = module.join('.');
    const kind = moduleKind(path, false, false);
    const place = { ...kind, stack: '', layer: '', expert: -1, column: parameter, module: path, parameter };
    return { place, layerAt: [], expertAt: -1, isPattern: !isNumber(module[0]!) && !isNumber(parameter) };
  }
  const container = module[first - 1]!;
  const layerAt = [first];
  const rest: string[] = [];
  let expertAt = -1;
  for (let at = first + 1; at < module.length; at++) {
    const segment = module[at]!;
    const next = module[at + 1];
    // T5's `block.0.layer.1` is one block with numbered halves.
    const isHalf = container === 'block' && segment === 'layer';
    if (expertAt < 0 && rest.length === 0 && isNumber(segment)) layerAt.push(at);
    else if (
      expertAt < 0 &&
      next !== undefined &&
      isNumber(next) &&
      containers.test(segment) &&
      !sequentials.test(segment) &&
      !isHalf &&
      at + 2 < module.length
    ) {
      for (let back = rest.length; back > 0; back--) layerAt.push(at - back);
      rest.length = 0;
      layerAt.push(at, at + 1);
      at++;
    } else if (expertAt < 0 && /experts$/.test(segment) && next !== undefined && isNumber(next)) {
      rest.push(segment);
      expertAt = at + 1;
      at++;
    } else rest.push(segment);
  }
  const path = rest.join('.');
  const isPlain = parameter === 'weight' || parameter === 'bias';
  const kind = moduleKind(isPlain ? path : join(path, parameter), true, expertAt >= 0);
  const isKnown = kind.section !== 'other' && kind.rank < 99 && kind.section !== 'convolution';
  const place: ModulePlace = {
    ...named(kind, parameter),
    stack: module.slice(0, first).join('.'),
    layer: layerAt.map((at) => module[at]!).join('.'),
    expert: expertAt < 0 ? -1 : Number(module[expertAt]),
    column: `${isKnown ? `${kind.section}:${kind.label}` : path}:${parameter}`,
    module: path,
    parameter,
  };
  const isPattern = !rest.some(isNumber) && !isNumber(parameter) && !module.slice(0, first).some(isNumber);
  return { place, layerAt, expertAt, isPattern };
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
