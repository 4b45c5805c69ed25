/** Reads the JSON files beside the weights: small, and as untrusted as the weights. */
import { type FileStore, localFiles } from '../bytes/fileStore';
import { LoupeError } from '../errors';

/** Deeper JSON is refused: what walks or clones it afterwards may recurse. */
const deepestNesting = 64;

/**
 * The file's JSON object. Throws `not-found`, `io`, or `malformed` with a sentence that says why: too
 * long, no UTF-8, no JSON, no object, or nested deeper than 64 levels.
 */
export async function readJsonObject(
  path: string,
  capBytes: number,
  files: FileStore = localFiles,
): Promise<Readonly<Record<string, unknown>>> {
  const source = await files.open(path);
  try {
    if (source.size > capBytes)
      throw new LoupeError('malformed', `It has ${source.size} bytes; at most ${capBytes} are read.`, {
        file: path,
      });
    return parseJsonObject(await source.read(0, source.size), path);
  } finally {
    await source.close();
  }
}

/** The JSON object in some bytes; throws `malformed` as above. */
export function parseJsonObject(bytes: Uint8Array, path?: string): Readonly<Record<string, unknown>> {
  const refuse = (message: string): never => {
    throw new LoupeError('malformed', message, { file: path });
  };
  if (nestingDepth(bytes) > deepestNesting) refuse(`It nests more than ${deepestNesting} levels.`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    refuse('It is not valid JSON.');
  }
  return asRecord(value) ?? refuse('It is no JSON object.');
}

/** Deepest count of open brackets outside of strings. */
function nestingDepth(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return deepest;
}

/** The value when it is a JSON object, else undefined. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
