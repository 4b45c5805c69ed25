/** What the scripts say while they work: one line a step, on stdout. */

const coloured = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text);

export const bold = (text) => paint('1', text);
export const dim = (text) => paint('2', text);
export const red = (text) => paint('31', text);
export const green = (text) => paint('32', text);

export function say(line = '') {
  process.stdout.write(`${line}\n`);
}

/** A duration for people: `850 ms`, `12.3 s`, `2 min 5 s`. */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A failure that the user can act on: printed as a sentence, without a stack. */
export class PlainError extends Error {}

/** Runs a script's main function; ends the process with its exit code, or 1 and a sentence on failure. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    process.stderr.write(`\n${error instanceof PlainError ? error.message : (error?.stack ?? error)}\n`);
    process.exitCode = 1;
  }
}
