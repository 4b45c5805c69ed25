/** Measures the errors of a quantization that were left for later. Nothing here talks to VS Code. */
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import type { QuantizeReport } from '../protocol/engineApi';
import { measuredReport, unmeasuredTensors } from '../protocol/measuredReport';

const intervalMilliseconds = 100;

/**
 * Compares the output with its source, and resolves to the report with the figures. `progress` hears of tensors at most ten times a
 * second. Rejects with `cancelled`, and with `changed` where the source is not what was
 * quantized, or the output not what was written.
 */
export async function measureErrors(
  engine: Pick<EngineClient, 'call'>,
  report: QuantizeReport,
  signal: AbortSignal,
  progress: (told: { done: number; total: number }) => void,
): Promise<QuantizeReport> {
  const { source: path, open: other, generation, outputGeneration } = report;
  const catalogue = await engine.call('open', { path }, { signal });
  const tensors = unmeasuredTensors(report, catalogue);
  let last = 0;
  try {
    const { tensors: rows } = await engine.call(
      'compare',
      { path, other, generation, otherGeneration: outputGeneration, tensors },
      {
        signal,
        progress: ({ done, total }) => {
          const now = performance.now();
          if (now - last < intervalMilliseconds && done < total) return;
          last = now;
          progress({ done, total });
        },
      },
    );
    return measuredReport(report, rows);
  } catch (thrown) {
    const error = LoupeError.from(thrown);
    if (error.code !== 'changed') throw error;
    throw new LoupeError(
      'changed',
      'The source or the output has changed since it was quantized, so that their difference is another. Quantize again.',
      error,
    );
  }
}
