/** The error report of a single tensor under a scheme: where a cell of the sensitivity map leads. */
import type { EngineClient } from '../engine/client';
import type { Catalogue, ErrorDetail, QuantizeReport, SchemeChoice } from '../protocol/engineApi';
import { choiceLabel } from '../quant/choiceLabel';

export interface TensorErrorArguments {
  readonly path: string;
  /** Index into the catalogue. */
  readonly tensor: number;
  readonly choice: SchemeChoice;
  /** Absolute path of an importance matrix that errors are weighed by. */
  readonly imatrix?: string | undefined;
}

/** Reads the whole tensor, so its figures are exact. Nothing is written. */
export async function tensorErrorReport(
  engine: EngineClient,
  { path, tensor, choice, imatrix }: TensorErrorArguments,
): Promise<QuantizeReport> {
  const started = Date.now();
  const catalogue = await engine.call('open', { path });
  const against = { kind: 'scheme' as const, choice, imatrix };
  const detail = await engine.call('errorDetail', { path, tensor, against }, { again: true });
  return singleReport(catalogue, choice, detail, (Date.now() - started) / 1000);
}

/** A report whose sizes are those of its one tensor. */
function singleReport(
  { path, name, tensors }: Catalogue,
  choice: SchemeChoice,
  { tensor: row }: ErrorDetail,
  seconds: number,
): QuantizeReport {
  return {
    source: path,
    sourceName: name,
    outputs: [],
    open: path,
    scheme: choice.scheme,
    granularity: choice.granularity,
    choice,
    label: choiceLabel(choice),
    backend: { requested: 'cpu', used: 'cpu', reason: 'CPU kernels; nothing was written' },
    bytesBefore: tensors.bytes[tensors.names.indexOf(row.name)] ?? row.bytes,
    bytesAfter: row.bytes,
    seconds,
    tensors: [row],
  };
}
