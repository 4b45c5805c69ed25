/** Runs dist/ortWorker.js as a process of its own, where a crashing or hanging driver harms nothing else. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LoupeError } from '../../errors';

const keptStderr = 4096;

/** How such a process ended: with its answer, or without one. */
export type ProviderAnswer<T> =
  | { readonly result: T; readonly printed: string }
  | {
      /** In words: "the driver crashed (SIGSEGV)". */
      readonly failure: string;
    };

/**
 * Resolves when the process has ended; `printed` is the end of what it wrote to stderr. It is killed when `limitMs` are over, which
 * is a failure, or when the signal says so, which throws `cancelled`.
 */
export function runProviderProcess<T>(
  entry: URL,
  args: readonly string[],
  limitMs: number,
  signal?: AbortSignal,
): Promise<ProviderAnswer<T>> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(new LoupeError('cancelled', 'Cancelled.'));
      return;
    }
    const child = fork(fileURLToPath(entry), [...args], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let answer: { result: T } | undefined;
    let printed = '';
    let isLate = false;
    const kill = () => child.kill('SIGKILL');
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, limitMs);
    signal?.addEventListener('abort', kill, { once: true });
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
    };
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-keptStderr);
    });
    child.on('message', (message) => {
      answer = { result: message as T };
    });
    child.on('error', (error) => {
      settle();
      resolve({ failure: error.message });
    });
    // Unlike 'exit', 'close' comes after the last of what was printed.
    child.on('close', (code, killedBy) => {
      settle();
      if (answer) resolve({ ...answer, printed });
      else if (signal?.aborted) reject(new LoupeError('cancelled', 'Cancelled.'));
      else if (isLate) resolve({ failure: `the driver gave no answer within ${limitMs / 1000} s` });
      else if (killedBy) resolve({ failure: `the driver crashed (${killedBy})` });
      else resolve({ failure: `the driver ended the process (code ${code})` });
    });
  });
}
