/** What becomes of the report of a quantization whose errors were left to be measured later. */
import type { Catalogue, ComparedTensor, QuantizeReport, TensorError } from './engineApi';

/**
 * Indices into the source's catalogue of the tensors whose errors are not known: what `compare` is asked for. undefined, all, where
 * the output has names of its own.
 */
export function unmeasuredTensors(
  report: Pick<QuantizeReport, 'tensors'>,
  { tensors: { names } }: { readonly tensors: Pick<Catalogue['tensors'], 'names'> },
): number[] | undefined {
  const indices = new Map(names.map((name, index) => [name, index]));
  const found = report.tensors.flatMap(({ name, isUnmeasured }) => (isUnmeasured ? [indices.get(name)] : []));
  return found.includes(undefined) ? undefined : (found as number[]);
}

/** Before the reason why a tensor could not be measured, in its note. */
export const notMeasured = 'not measured: ';

/** Tensors whose error nobody has measured. */
export const unmeasuredCount = ({ tensors }: Pick<QuantizeReport, 'tensors'>): number =>
  tensors.reduce((count, { isUnmeasured }) => count + Number(isUnmeasured ?? false), 0);

/**
 * The report with the figures of a comparison of its source and its output, which are those that measuring while writing gives,
 * in all bits. What could not be compared stays unmeasured, with the reason in its note.
 */
export function measuredReport(report: QuantizeReport, compared: readonly ComparedTensor[]): QuantizeReport {
  const found = new Map(compared.map((row) => [row.name, row]));
  const tensors = report.tensors.map((row): TensorError => {
    const own = row.isUnmeasured ? found.get(row.name) : undefined;
    if (!own) return row;
    if (own.state === 'reshaped' || own.state === 'unreadable')
      return { ...row, note: [withoutReason(row.note), notMeasured + own.note].filter(Boolean).join('; ') };
    const { mse, sqnr, maxAbs, cosine, meanAbs } = own;
    const { isUnmeasured: _, note: before, ...about } = row;
    const note = withoutReason(before);
    return { ...about, ...(note ? { note } : {}), mse, sqnr, maxAbs, cosine, meanAbs };
  });
  const { generation: _source, outputGeneration: _output, ...whole } = report;
  const isWhole = tensors.every(({ isUnmeasured }) => !isUnmeasured);
  return { ...(isWhole ? whole : report), tensors };
}

/** A note as it was before an earlier attempt put its reason there. */
function withoutReason(note: string | undefined): string | undefined {
  const at = note?.indexOf(notMeasured) ?? -1;
  return at < 0 ? note : note!.slice(0, at).replace(/; $/, '');
}
