import { LoupeError } from '../../errors';
import type { Setting } from '../scheme';
import { defaultRatio, type Pruning } from './pruning';

/**
 * Whole layers: every weight of a layer that is pruned becomes 0, so that the residual connection passes it by. Which
 * layers is known of the whole model only, see `smallestLayers`; a setting names them.
 */
export function pruneLayers({ choice, layer }: Setting): Pruning {
  const { layers } = choice;
  if (!layers) throw new LoupeError('usage', 'Pruning by layers needs the list of layers.');
  const isPruned = layer !== undefined && layers.includes(layer);
  return {
    unit: 1,
    surveys: [],
    apply: ({ first, values }) => ({
      first,
      values: isPruned ? new Float32Array(values.length) : values.slice(),
    }),
    rule: () => ({ kind: isPruned ? 'none' : 'all' }),
  };
}

/** The floor(count * ratio) layers of smallest norm, on ties the first ones; `squares` are sums of x^2 by layer. */
export function smallestLayers(squares: ReadonlyMap<number, number>, ratio = defaultRatio): number[] {
  const order = [...squares].sort(([a, x], [b, y]) => x - y || a - b).map(([layer]) => layer);
  return order.slice(0, Math.floor(order.length * ratio)).sort((a, b) => a - b);
}

/** The layer that a tensor's name tells: the first number between dots after a word for layers. */
export function layerOf(name: string): number | undefined {
  const found = /(?:^|[._])(?:layers?|blocks?|blk|h)\.(\d{1,6})\./.exec(name)?.[1];
  return found === undefined ? undefined : Number(found);
}
