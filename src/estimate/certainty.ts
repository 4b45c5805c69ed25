/** How far off a number of bytes may be. */
import type { BytesEstimate, Certainty } from './types';

/** How far off a number may be, as shares of it. */
const margins: Readonly<Record<Certainty, readonly [low: number, high: number]>> = {
  exact: [0, 0],
  stated: [0.01, 0.01],
  approximate: [0.5, 1],
  unknown: [0, 0],
};

/** A number of bytes with its bounds. */
export function bounded(bytes: number, certainty: Certainty): BytesEstimate {
  const [below, above] = margins[certainty];
  return {
    bytes,
    low: Math.floor(bytes * (1 - below)),
    high: Math.ceil(bytes * (1 + above)),
    certainty,
  };
}

/** The sum is as certain as its least certain part that counts. */
export function together(parts: readonly BytesEstimate[]): BytesEstimate {
  const sum = (of: (part: BytesEstimate) => number) => parts.reduce((all, part) => all + of(part), 0);
  const order: readonly Certainty[] = ['exact', 'stated', 'approximate', 'unknown'];
  const worst = parts.reduce((most, { certainty }) => Math.max(most, order.indexOf(certainty)), 0);
  return {
    bytes: sum(({ bytes }) => bytes),
    low: sum(({ low }) => low),
    high: sum(({ high }) => high),
    certainty: order[worst]!,
  };
}
