/** What a model's repository holds, and its files read by ranges, through the Hub's own client. */
import { resolve, sep } from 'node:path';
import { downloadFile, HubApiError, listFiles, modelInfo } from '@huggingface/hub';
import type { ByteSource } from '../bytes/byteSource';
import type { FileStore, StoredFile } from '../bytes/fileStore';
import { rangeSource } from '../bytes/rangeSource';
import { LoupeError } from '../errors';
import { hubFetch } from './hubFetch';
import { checkEndpoint, type HubAccess, type HubFile, type HubRepository, isPlainPath } from './hubLocation';

/** Repositories of models have some hundreds of files; more are not listed. */
const mostFiles = 20_000;

export interface HubListing {
  readonly repository: HubRepository;
  /** The commit that the revision meant when it was listed: all reads are of this one. */
  readonly commit: string;
  readonly files: readonly HubFile[];
}

interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** What the client's functions take in common. */
function clientOptions(access: HubAccess, options: RequestOptions) {
  const hubUrl = checkEndpoint(access.endpoint);
  if (access.token !== undefined && !/^hf_[\x21-\x7e]+$/.test(access.token))
    throw new LoupeError('usage', "The Hub's token must begin with hf_; set it again or remove it.");
  return {
    hubUrl,
    fetch: hubFetch({ ...access, endpoint: hubUrl }, options),
    ...(access.token === undefined ? {} : { accessToken: access.token }),
  };
}

/**
 * Lists a repository. Throws a LoupeError: `not-found`, `cancelled`, `usage`, or `io` when the Hub asks for a token, refuses,
 * cannot be reached or answers something else.
 */
export async function listRepository(
  repository: HubRepository,
  access: HubAccess,
  options: RequestOptions = {},
): Promise<HubListing> {
  const { name, revision } = repository;
  try {
    const client = clientOptions(access, options);
    const { sha } = await modelInfo({ ...client, name, revision, additionalFields: ['sha'] });
    const commit = typeof sha === 'string' && /^[0-9a-f]{40,64}$/.test(sha) ? sha : revision;
    const files: HubFile[] = [];
    const listing = listFiles({
      ...client,
      repo: { type: 'model', name },
      revision: encodeURIComponent(commit),
      recursive: true,
    });
    for await (const entry of listing) {
      const bytes: unknown = entry.lfs?.size ?? entry.size;
      const isUsable =
        entry.type === 'file' &&
        typeof entry.path === 'string' &&
        isPlainPath(entry.path) &&
        Number.isSafeInteger(bytes) &&
        (bytes as number) >= 0;
      if (isUsable) files.push({ path: entry.path, bytes: bytes as number });
      if (files.length >= mostFiles) break;
    }
    return { repository, commit, files };
  } catch (thrown) {
    throw explainHubError(thrown, repository, access);
  }
}

/** The folder that stands for a repository in paths of this system: its name is the model's. */
export function hubRoot({ name }: HubRepository): string {
  return resolve(sep, ...name.split('/'));
}

/**
 * A listed repository as a store of files under `hubRoot`. Nothing is sent before a file is read; then only the asked
 * ranges are.
 */
export function hubFiles(listing: HubListing, access: HubAccess, options: RequestOptions = {}): FileStore {
  const root = hubRoot(listing.repository);
  const absolute = (path: string) => resolve(root, ...path.split('/'));
  const files = new Map(listing.files.map((file) => [absolute(file.path), file]));
  const folders = new Map<string, Set<string>>([[root, new Set()]]);
  for (const { path } of listing.files) {
    const parts = path.split('/');
    parts.forEach((part, depth) => {
      const folder = resolve(root, ...parts.slice(0, depth));
      const names = folders.get(folder) ?? new Set();
      folders.set(folder, names.add(part));
    });
  }
  const missing = (path: string) =>
    new LoupeError('not-found', 'There is no such file in the repository.', { file: path });

  return {
    async stat(path): Promise<StoredFile> {
      const file = files.get(path);
      if (file) return { isFile: true, isFolder: false, bytes: file.bytes, mtimeMs: 0 };
      if (folders.has(path)) return { isFile: false, isFolder: true, bytes: 0, mtimeMs: 0 };
      throw missing(path);
    },
    async list(folder) {
      const names = folders.get(folder);
      if (!names) throw missing(folder);
      return [...names];
    },
    async open(path): Promise<ByteSource> {
      const file = files.get(path);
      if (!file) throw missing(path);
      const blob = await fileBlob(listing, file, access, options);
      return rangeSource({
        path,
        size: file.bytes,
        fetch: async (byteOffset, length) => {
          if (length === 0) return new Uint8Array(0);
          try {
            return new Uint8Array(await blob.slice(byteOffset, byteOffset + length).arrayBuffer());
          } catch (thrown) {
            throw explainHubError(thrown, listing.repository, access, path);
          }
        },
      });
    },
  };
}

/** The client's view of a file. Its size is known from the listing, so this sends nothing. */
async function fileBlob(
  { repository, commit }: HubListing,
  file: HubFile,
  access: HubAccess,
  options: RequestOptions,
): Promise<Blob> {
  const client = clientOptions(access, options);
  const encodedPath = file.path.split('/').map(encodeURIComponent).join('/');
  const url = `${client.hubUrl}/${repository.name}/resolve/${encodeURIComponent(commit)}/${encodedPath}`;
  const { fetch: guarded } = client;
  // The client asks for a slice that happens to be the whole file without naming a range.
  const ranged: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    if (!headers.has('Range')) headers.set('Range', `bytes=0-${file.bytes - 1}`);
    return guarded(input, { ...init, headers });
  };
  const blob = await downloadFile({
    ...client,
    fetch: ranged,
    repo: { type: 'model', name: repository.name },
    path: file.path,
    revision: commit,
    // Plain ranges of the web server serve files in chunk storage too.
    xet: false,
    downloadInfo: { size: file.bytes, etag: '', url },
  });
  if (!blob)
    throw new LoupeError('not-found', 'There is no such file in the repository.', { file: file.path });
  return blob;
}

/** One plain sentence about what the Hub answered, with what helps. */
function explainHubError(
  thrown: unknown,
  { name, revision }: HubRepository,
  access: HubAccess,
  file?: string,
): LoupeError {
  if (thrown instanceof LoupeError)
    return file === undefined || thrown.file !== undefined || thrown.code === 'cancelled'
      ? thrown
      : new LoupeError(thrown.code, thrown.message, { file });
  const details = file === undefined ? {} : { file };
  const host = new URL(access.endpoint).host;
  if (!(thrown instanceof HubApiError))
    return new LoupeError('io', `${host} gave an answer that cannot be understood.`, details);
  switch (thrown.statusCode) {
    case 401:
      return new LoupeError(
        'io',
        access.token === undefined
          ? `${name} needs a token: it is gated, private, or does not exist. Run "Tensor Loupe: Set Hugging Face Token..." or set HF_TOKEN, and try again.`
          : `${host} does not accept the token, or ${name} does not exist.`,
        details,
      );
    case 403:
      return new LoupeError(
        'io',
        `${name} is gated: ${access.token === undefined ? 'a token is needed, and ' : ''}its terms must be accepted on its page, ${access.endpoint}/${name}.`,
        details,
      );
    case 404:
      return new LoupeError(
        'not-found',
        `There is no ${file === undefined ? 'model' : 'such file in'} ${name} at revision ${revision} on ${host}.`,
        details,
      );
    case 416:
      return new LoupeError('changed', 'The file is shorter than the Hub said.', details);
    case 429:
      return new LoupeError(
        'io',
        `${host} asks to wait: too many requests. Try again in some minutes.`,
        details,
      );
    default:
      return new LoupeError('io', `${host} answered with status ${thrown.statusCode}.`, details);
  }
}
