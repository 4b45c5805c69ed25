/** The comparison of two checkpoints as an error report. Nothing here talks to VS Code. */
import type { Catalogue, ComparedTensor, Comparison, QuantizeReport } from '../protocol/engineApi';

/** Names that a warning spells out. */
const namesShown = 3;

function listed(names: readonly string[]): string {
  const more = names.length - namesShown;
  return (
    names.slice(0, namesShown).join(', ') + (more > 0 ? ` and ${more.toLocaleString('en-US')} more` : '')
  );
}

/** Tensors whose values could be compared become rows; of the others the report warns. */
export function comparisonReport(
  first: Pick<Catalogue, 'path' | 'name' | 'bytes'>,
  second: Pick<Catalogue, 'path' | 'name' | 'bytes'>,
  { tensors, onlyInFirst, onlyInSecond }: Comparison,
  seconds: number,
): QuantizeReport {
  const isCompared = ({ state }: ComparedTensor) => state !== 'reshaped' && state !== 'unreadable';
  const namesOf = (state: ComparedTensor['state']) =>
    tensors.filter((row) => row.state === state).map(({ name }) => name);
  const missing: readonly (readonly [what: string, names: readonly string[]])[] = [
    ['Of another shape in the second checkpoint', namesOf('reshaped')],
    ['Values that cannot be read', namesOf('unreadable')],
    [`Only in ${first.name}`, onlyInFirst],
    [`Only in ${second.name}`, onlyInSecond],
  ];
  return {
    source: first.path,
    sourceName: first.name,
    outputs: [second.path],
    open: second.path,
    // What a report must name; nothing was quantized here.
    scheme: 'f16',
    granularity: 'none',
    label: second.name,
    comparison: true,
    warnings: missing.flatMap(([what, names]) => (names.length === 0 ? [] : [`${what}: ${listed(names)}.`])),
    backend: { requested: 'cpu', used: 'cpu', reason: 'CPU kernels' },
    bytesBefore: first.bytes,
    bytesAfter: second.bytes,
    seconds,
    tensors: tensors
      .filter(isCompared)
      .map(({ state, ...row }) => (state === 'identical' ? { ...row, note: 'the same values' } : row)),
  };
}
