/** Where programs that download models keep them on this machine. */
import { join } from 'node:path';

export interface CacheFolders {
  /** Of the Hugging Face Hub's client: holds models--org--name/. */
  readonly hub: string;
  /** Of ollama: holds manifests/ and blobs/. */
  readonly ollama: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * By the environment, as the programs themselves decide it: huggingface_hub's constants.py (HF_HUB_CACHE, its older name,
 * HF_HOME, XDG_CACHE_HOME) and ollama's envconfig (OLLAMA_MODELS). Empty variables count as unset. The folders need not exist.
 */
export function cacheFolders(environment: Environment, home: string): CacheFolders {
  const folder = (name: string): string | undefined => {
    const value = environment[name]?.trim();
    if (!value) return undefined;
    return value === '~' || /^~[/\\]/.test(value) ? join(home, value.slice(1)) : value;
  };
  const huggingFace =
    folder('HF_HOME') ?? join(folder('XDG_CACHE_HOME') ?? join(home, '.cache'), 'huggingface');
  return {
    hub: folder('HF_HUB_CACHE') ?? folder('HUGGINGFACE_HUB_CACHE') ?? join(huggingFace, 'hub'),
    ollama: folder('OLLAMA_MODELS') ?? join(home, '.ollama', 'models'),
  };
}
