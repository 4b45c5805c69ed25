/** Collects the small JSON files beside a model's weights. One that cannot be used is a warning, never a failure. */
import { join } from 'node:path';
import { type FileStore, localFiles } from '../bytes/fileStore';
import { LoupeError } from '../errors';
import type { Sidecar } from './checkpoint';
import type { FindingList } from './findingList';
import { readJsonObject } from './jsonSidecar';

/** config.json first; tokenizer.json is left out: it is the vocabulary, of many megabytes. */
export const sidecarNames = [
  'config.json',
  'generation_config.json',
  'adapter_config.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'preprocessor_config.json',
  'quantize_config.json',
  'quant_config.json',
  'hf_quant_config.json',
] as const;

const configCapBytes = 16 * 1024 * 1024;
const otherCapBytes = 4 * 1024 * 1024;

/** Those that the folder holds, in the order above. */
export async function readSidecars(
  folder: string,
  findings: FindingList,
  files: FileStore = localFiles,
): Promise<Sidecar[]> {
  let present: ReadonlySet<string> | undefined;
  try {
    present = new Set(await files.list(folder));
  } catch {
    // A place that lists nothing may still hold config.json: ask for each by its name.
  }
  const sidecars: Sidecar[] = [];
  for (const name of sidecarNames) {
    if (present && !present.has(name)) continue;
    const path = join(folder, name);
    let bytes = 0;
    try {
      ({ bytes } = await files.stat(path));
      const cap = name === 'config.json' ? configCapBytes : otherCapBytes;
      sidecars.push({ name, bytes, value: await readJsonObject(path, cap, files) });
    } catch (thrown) {
      const { code, message } = LoupeError.from(thrown);
      if (code === 'not-found') continue;
      sidecars.push({ name, bytes, error: message });
      findings.add({
        severity: 'warning',
        code: name === 'config.json' ? 'config-unreadable' : 'sidecar-unreadable',
        message: `${name} cannot be used. ${message}`,
        file: path,
      });
    }
  }
  return sidecars;
}
