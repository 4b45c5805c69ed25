/** What finding GPUs asks of the system: a few small files, and a few tools that are given little time. */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';

/** All of it answers undefined, or an empty list, where something is missing: absence is no failure here. */
export interface SystemView {
  readonly platform: NodeJS.Platform;
  /** "Linux 6.8.0": for drivers that are a part of the system. */
  readonly systemName: string;
  readonly memoryBytes: number;
  /** As the system names it: "Apple M2 Pro". */
  readonly processorName: string | undefined;
  /** A text file's beginning, at most `mostFileBytes`. */
  readText(file: string): Promise<string | undefined>;
  /** Names in a folder. */
  list(folder: string): Promise<readonly string[]>;
  /** The last name of what a link leads to. */
  linkName(file: string): Promise<string | undefined>;
  /** What a program prints; undefined when it is not there, prints nothing, or takes longer than a few seconds. */
  run(program: string, args: readonly string[]): Promise<string | undefined>;
}

/** The list of PCI devices, the longest of what is read, has 1.5 MB. */
const mostFileBytes = 8_388_608;
/** nvidia-smi takes a second where the driver is not loaded yet; a hanging driver must not hold up anything. */
const toolLimitMs = 8000;
const mostToolBytes = 4_194_304;

/** This machine; tests give another root. */
export function thisSystem(root = '/'): SystemView {
  return {
    platform: process.platform,
    systemName: `${os.type()} ${/^[\d.]+/.exec(os.release())?.[0].replace(/\.$/, '') ?? os.release()}`,
    memoryBytes: os.totalmem(),
    processorName: os.cpus()[0]?.model.trim() || undefined,
    readText: async (file) => {
      try {
        return (await readFile(path.join(root, file))).subarray(0, mostFileBytes).toString('utf8');
      } catch {
        return undefined;
      }
    },
    list: (folder) => readdir(path.join(root, folder)).catch(() => []),
    linkName: async (file) => {
      try {
        return path.basename(await readlink(path.join(root, file)));
      } catch {
        return undefined;
      }
    },
    run: (program, args) =>
      new Promise((resolve) => {
        execFile(
          program,
          [...args],
          { timeout: toolLimitMs, killSignal: 'SIGKILL', maxBuffer: mostToolBytes, windowsHide: true },
          // `reg query` ends with an error where a single key may not be read, having printed all others.
          (error, stdout) => resolve(error?.killed || stdout === '' ? undefined : stdout),
        );
      }),
  };
}
