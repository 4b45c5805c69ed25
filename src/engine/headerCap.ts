/** The largest header that is read: a setting of the whole compute process. */
import { defaultHeaderCapBytes } from '../formats/fileContents';

/** A header is held in one buffer, and its names once more. */
const largestCapMegabytes = 2000;

/**
 * Bytes, from TENSOR_LOUPE_HEADER_CAP_MB (millions of bytes). safetensors' own limit of 100 MB can be raised, not
 * lowered; what is no number leaves it.
 */
export function headerCapBytes(environment: NodeJS.ProcessEnv = process.env): number {
  const asked = Number(environment.TENSOR_LOUPE_HEADER_CAP_MB);
  if (!Number.isFinite(asked)) return defaultHeaderCapBytes;
  return Math.max(defaultHeaderCapBytes, Math.min(asked, largestCapMegabytes) * 1_000_000);
}
