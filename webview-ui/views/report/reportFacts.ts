/** What the page says of a report and its tensors. */
import type { Catalogue, QuantizeReport } from '../../../src/protocol/engineApi';
import { isQuantized, type MetricName, metricNamed } from './metrics';

/** Reports of earlier versions lack a label. */
export function schemeLabel(report: QuantizeReport): string {
  const scheme = report.scheme === 'int8-absmax' ? 'INT8 absmax' : 'INT8 zero-point';
  return report.label ?? `${scheme} per ${report.granularity}`;
}

/** Dimensions of a tensor of the catalogue. */
export function shapeOf({ tensors }: Catalogue, index: number): number[] {
  const start = index === 0 ? 0 : tensors.shapeEnd[index - 1]!;
  return Array.from(tensors.shapes.subarray(start, tensors.shapeEnd[index]!));
}

/** The quantized tensor of lowest SQNR: what one wants to see first. */
export function worstRow(report: QuantizeReport): number | undefined {
  const sqnr = metricNamed('sqnr' satisfies MetricName);
  let worst: number | undefined;
  for (const [index, row] of report.tensors.entries()) {
    if (!isQuantized(row)) continue;
    if (worst === undefined || sqnr.value(row) < sqnr.value(report.tensors[worst]!)) worst = index;
  }
  return worst;
}
