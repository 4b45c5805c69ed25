/**
 * Opens the files that it is told of, one after the other in this process, and answers with what that cost: outcome,
 * processor time, and how far the resident memory ever rose above what it was before the file.
 */
import { writeSync } from 'node:fs';
import { LoupeError } from '../../src/errors';
import { openCheckpoint } from '../../src/formats/open';

export interface OpeningCost {
  readonly path: string;
  /** The refusal's code, "opened", or what is no LoupeError, in words. */
  readonly outcome: string;
  readonly cpuMs: number;
  readonly peakBytes: number;
}

const collect = (globalThis as { gc?: () => void }).gc!;
/** The largest resident size in bytes since the process began. */
const peak = () => process.resourceUsage().maxRSS * 1024;

async function measure(path: string): Promise<OpeningCost> {
  collect();
  // The peak only rises: what lies between the present size and an earlier peak counts as used.
  const before = Math.min(process.memoryUsage.rss(), idle);
  const cpu = process.cpuUsage();
  let outcome = 'opened';
  try {
    await openCheckpoint(path);
  } catch (thrown) {
    outcome = thrown instanceof LoupeError ? thrown.code : `threw ${String(thrown)}`;
  }
  const { user, system } = process.cpuUsage(cpu);
  return { path, outcome, cpuMs: (user + system) / 1000, peakBytes: peak() - before };
}

collect();
const idle = process.memoryUsage.rss();
for (const path of process.argv.slice(2)) writeSync(1, `${JSON.stringify(await measure(path))}\n`);
