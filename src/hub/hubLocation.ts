/** Names of models and files on the Hugging Face Hub: as people write them, and as this product's URIs. */
import { LoupeError } from '../errors';

export const hubScheme = 'tensor-loupe-hub';
export const defaultHubEndpoint = 'https://huggingface.co';
export const defaultRevision = 'main';

/** Said wherever something wants values of a model whose headers alone were read. */
export const hubValuesReason = 'The values are on the Hub; download the model to analyze them.';

export interface HubRepository {
  /** "org/name", or "name" for the few models without an owner. */
  readonly name: string;
  /** A branch, a tag, a commit or a ref such as "refs/pr/1". */
  readonly revision: string;
}

export interface HubFileLocation extends HubRepository {
  /** Inside the repository, with forward slashes. */
  readonly path: string;
}

/** A file as a repository lists it. */
export interface HubFile {
  /** Inside the repository, with forward slashes. */
  readonly path: string;
  readonly bytes: number;
}

/** What the commands ask with. The token goes to the endpoint's own origin and nowhere else. */
export interface HubAccess {
  /** Origin of the Hub or of a mirror, perhaps with a path; without a slash at the end. */
  readonly endpoint: string;
  readonly token?: string | undefined;
}

/** Hosts that stand for the Hub in a pasted address. */
export const hubHosts: readonly string[] = ['huggingface.co', 'www.huggingface.co', 'hf.co'];
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$/;
const revisionPattern = /^[A-Za-z0-9_][A-Za-z0-9._/-]{0,254}$/;

/** Whether a text has the form of a model's name: "org/name", or "name" alone. */
export function isHubName(name: string): boolean {
  const parts = name.split('/');
  return parts.length <= 2 && parts.every((part) => namePattern.test(part) && !/\.\.|--|[.-]$/.test(part));
}

function checked(name: string, revision: string): HubRepository {
  if (!isHubName(name))
    throw new LoupeError('usage', `"${name.slice(0, 120)}" is no model's name: write it as org/name.`);
  if (!revisionPattern.test(revision) || revision.includes('..') || revision.includes('//'))
    throw new LoupeError('usage', `"${revision.slice(0, 120)}" is no name of a revision.`);
  return { name, revision };
}

/**
 * Reads "org/name", "org/name@revision", or the address of a model's page or of one of its files on the Hub or on
 * `endpoint`. Throws `usage` with a sentence that says what is wrong.
 */
export function parseHubReference(
  text: string,
  endpoint = defaultHubEndpoint,
): HubRepository & { readonly path?: string | undefined } {
  const trimmed = text.trim();
  const isAddress = /^https?:\/\//i.test(trimmed) || hubHosts.some((host) => trimmed.startsWith(`${host}/`));
  if (!isAddress) {
    const at = trimmed.indexOf('@');
    if (trimmed === '') throw new LoupeError('usage', 'Write a name as org/name.');
    return at < 0 ? checked(trimmed, defaultRevision) : checked(trimmed.slice(0, at), trimmed.slice(at + 1));
  }
  let url: URL;
  let base: URL;
  try {
    url = new URL(/^https?:/i.test(trimmed) ? trimmed : `https://${trimmed}`);
    base = new URL(endpoint);
  } catch {
    throw new LoupeError('usage', 'This is no valid address.');
  }
  if (!hubHosts.includes(url.host) && url.host !== base.host)
    throw new LoupeError('usage', `${url.host} is not the Hub: paste an address of ${base.host}.`);
  const parts = url.pathname.split('/').filter((part) => part !== '');
  if (parts[0] === 'datasets' || parts[0] === 'spaces')
    throw new LoupeError('usage', 'This is the address of a dataset or a space; only models can be opened.');
  const kinds = ['tree', 'blob', 'resolve', 'raw'];
  const kindAt = parts.findIndex((part, i) => i > 0 && i <= 2 && kinds.includes(part));
  const owner = kindAt < 0 ? 2 : kindAt;
  const name = parts.slice(0, owner).join('/');
  if (kindAt < 0) return checked(name, defaultRevision);
  // "refs/pr/1" stands as it is in addresses; of other revisions a slash is written as %2F.
  const rest = parts.slice(kindAt + 1);
  const revisionParts = rest[0] === 'refs' ? 3 : 1;
  const decode = (part: string) => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw new LoupeError('usage', 'This is no valid address.');
    }
  };
  const revision = rest.slice(0, revisionParts).map(decode).join('/') || defaultRevision;
  const path = rest.slice(revisionParts).map(decode).join('/');
  const isFile = parts[kindAt] !== 'tree' && path !== '' && isPlainPath(path);
  return { ...checked(name, revision), ...(isFile ? { path } : {}) };
}

/** Whether a path names something inside a repository on every system: relative, nothing above, no odd characters. */
export function isPlainPath(path: string): boolean {
  if (path === '' || path.length > 1024) return false;
  for (const character of path) if (character < ' ' || character === '\\' || character === ':') return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** The path of a file's URI: "/org/name@revision/file"; the revision's own slashes are written as %2F. */
export function hubUriPath({ name, revision, path }: HubFileLocation): string {
  return `/${name}@${encodeURIComponent(revision)}/${path}`;
}

/** The opposite of `hubUriPath`. Throws `usage`: a URI can come from anywhere. */
export function parseHubUriPath(uriPath: string): HubFileLocation {
  const found = /^\/((?:[^/@]+\/)?[^/@]+)@([^/]+)\/(.+)$/.exec(uriPath);
  const refuse = () => new LoupeError('usage', 'This names no file of a model on the Hub.');
  if (!found) throw refuse();
  const [, name, encoded, path] = found as unknown as [string, string, string, string];
  if (!isPlainPath(path)) throw refuse();
  let revision: string;
  try {
    revision = decodeURIComponent(encoded);
  } catch {
    throw refuse();
  }
  return { ...checked(name, revision), path };
}

/**
 * The endpoint without a slash at its end. Throws `usage` when it is no http(s) address or carries a name, a query
 * or a fragment.
 */
export function checkEndpoint(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new LoupeError('usage', `The Hub's endpoint "${text.slice(0, 120)}" is no valid address.`);
  }
  const isPlain =
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '';
  if (!isPlain) throw new LoupeError('usage', "The Hub's endpoint must be a plain http or https address.");
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** Refuses jobs on the values of a model on the Hub, whose paths are URIs. Throws `unsupported` with the reason. */
export function requireLocalPath(path: string): void {
  if (path.startsWith(`${hubScheme}:`)) throw new LoupeError('unsupported', hubValuesReason, { file: path });
}
