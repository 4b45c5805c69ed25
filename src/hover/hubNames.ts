/** Names of models as code and commands write them: org/name, hf: and hf.co addresses, and Ollama's. Pure. */
import { hubHosts, isHubName } from '../hub/hubLocation';

/** A model of the Hub as it is named in a text. */
export interface HubName {
  /** "org/name", or "name" for the few without an owner. */
  readonly name: string;
  readonly revision?: string | undefined;
  /** A file within it. */
  readonly file?: string | undefined;
  /** "Q4_K_M": which of its GGUF files. */
  readonly tag?: string | undefined;
}

/** "org/name", perhaps with `@revision` or `:tag` behind; also a name without an owner where `isBare` allows it. */
export function hubName(text: string, isBare = false): HubName | undefined {
  const found = /^([\w.-]+(?:\/[\w.-]+)?)(?:@([\w./-]+)|:([\w.-]+))?$/.exec(text);
  if (!found) return undefined;
  const [, name, revision, tag] = found as unknown as [
    string,
    string,
    string | undefined,
    string | undefined,
  ];
  if (!isHubName(name) || (!name.includes('/') && !isBare)) return undefined;
  // "./x", "models/x.gguf" and "/x" are paths.
  if (/\.(safetensors|gguf|onnx|pt|pth|bin|ckpt|json|ya?ml|py|sh|txt|md|npz|npy)$/i.test(name))
    return undefined;
  return { name, revision, tag };
}

/** "hf:org/name", "hf://org/name/file", "hf.co/org/name:Q4_K_M", "https://huggingface.co/org/name/...". */
export function hubAddress(text: string): HubName | undefined {
  const short = /^hf:(?:\/\/)?(.+)$/i.exec(text)?.[1];
  if (short !== undefined) return nameAndFile(short.split('/'));
  const parts = text
    .replace(/^https?:\/\//i, '')
    .replace(/[?#].*$/, '')
    .split('/');
  const host = parts.shift()!.toLowerCase();
  if (!hubHosts.includes(host)) return undefined;
  if (['datasets', 'spaces', 'api', 'docs'].includes(parts[0] ?? '')) return undefined;
  const kindAt = parts.findIndex((part) => /^(tree|blob|resolve|raw)$/.test(part));
  if (kindAt < 1)
    return hubName(
      parts
        .filter((part) => part !== '')
        .slice(0, 2)
        .join('/'),
      true,
    );
  const name = hubName(parts.slice(0, kindAt).join('/'), true);
  const file = parts.slice(kindAt + 2).join('/');
  const isFile = parts[kindAt] !== 'tree' && file !== '' && !/[?#%]/.test(file);
  return name && { ...name, revision: parts[kindAt + 1], ...(isFile ? { file } : {}) };
}

function nameAndFile(parts: readonly string[]): HubName | undefined {
  const name = hubName(parts.slice(0, 2).join('/'));
  const file = parts.slice(2).join('/');
  return name && (file === '' ? name : { ...name, file });
}

/** Where Ollama keeps the manifest of a model. */
export interface OllamaName {
  readonly host: string;
  /** "library/llama3.2". */
  readonly repository: string;
  readonly tag: string;
}

const ollamaPart = /^[A-Za-z0-9_][\w.-]{0,79}$/;

/** "llama3.2", "llama3.2:1b", "someone/model:tag", "hf.co/org/name:Q4_K_M". */
export function ollamaName(text: string): OllamaName | undefined {
  const found = /^([^:]+)(?::([^:]+))?$/.exec(text);
  if (!found) return undefined;
  const parts = found[1]!.split('/');
  const tag = found[2] ?? 'latest';
  if (parts.length > 3 || ![...parts, tag].every((part) => ollamaPart.test(part) && !part.includes('..')))
    return undefined;
  const host = parts.length === 3 ? parts[0]! : 'registry.ollama.ai';
  const [owner, name] = parts.length === 1 ? ['library', parts[0]!] : parts.slice(-2);
  return { host, repository: `${owner}/${name}`, tag };
}
