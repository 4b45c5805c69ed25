/**
 * The `fetch` that the clients of the Hub and of the package registry are given, and the only one that sends. It keeps the
 * token at the endpoint's own origin, follows redirects itself, bounds the time and the size of each answer, and says in
 * plain words what went wrong.
 */
import { LoupeError, throwIfAborted } from '../errors';
import type { HubAccess } from './hubLocation';

const timeoutMs = 60_000;
const mostRedirects = 5;
/** Longest answer of the API that is read: a listing page of 1,000 files has about 300 KB. */
const mostAnswerBytes = 33_554_432;

/** Whether an address is this machine's own. */
export const isLoopback = (url: URL): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);

export interface HubFetchOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long one request may take with its answer; a minute unless a test says otherwise. */
  readonly timeoutMs?: number | undefined;
  /** Longest answer that is read, in place of that of the API. */
  readonly mostAnswerBytes?: number | undefined;
}

/** Makes the guarded `fetch`. What it throws is always a LoupeError. */
export function hubFetch(access: HubAccess, options: HubFetchOptions = {}): typeof fetch {
  const endpoint = new URL(access.endpoint);
  const limitMs = options.timeoutMs ?? timeoutMs;

  return async (input, init = {}) => {
    throwIfAborted(options.signal);
    let url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== endpoint.origin)
      throw new LoupeError(
        'io',
        `An answer of ${endpoint.host} leads to ${url.host}, which was not asked for.`,
      );
    const headers = new Headers(init.headers);
    headers.set('User-Agent', 'tensor-loupe');
    // A token in clear text could be read by anyone on the way.
    if (endpoint.protocol !== 'https:' && !isLoopback(endpoint)) headers.delete('Authorization');
    const timeout = AbortSignal.timeout(limitMs);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    const explain = (thrown: unknown) => explainFailure(thrown, url, options.signal, timeout, limitMs);
    const wantedRange = parseRange(headers.get('Range'));
    for (let redirects = 0; ; redirects++) {
      let response: Response;
      try {
        response = await fetch(url, { ...init, headers, signal, redirect: 'manual' });
      } catch (thrown) {
        throw explain(thrown);
      }
      const location = response.headers.get('Location');
      if (response.status >= 300 && response.status < 400 && location !== null) {
        await response.body?.cancel().catch(() => undefined);
        if (redirects === mostRedirects)
          throw new LoupeError('io', `${endpoint.host} redirects more than ${mostRedirects} times.`);
        url = redirectTarget(location, url);
        if (url.origin !== endpoint.origin) headers.delete('Authorization');
        continue;
      }
      if (response.ok && wantedRange) checkRangeAnswer(response, wantedRange, url);
      const limit =
        wantedRange && response.ok
          ? wantedRange.last - wantedRange.first + 1
          : (options.mostAnswerBytes ?? mostAnswerBytes);
      return bounded(response, limit, url.host, explain);
    }
  };
}

function redirectTarget(location: string, from: URL): URL {
  let target: URL;
  try {
    target = new URL(location, from);
  } catch {
    throw new LoupeError('io', `${from.host} redirects to an invalid address.`);
  }
  const isWeaker =
    target.protocol !== 'https:' && !(target.protocol === 'http:' && from.protocol === 'http:');
  if (isWeaker) throw new LoupeError('io', `${from.host} redirects to an address that is not secure.`);
  return target;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

function parseRange(header: string | null): Range | undefined {
  const found = /^bytes=(\d+)-(\d+)$/.exec(header ?? '');
  return found ? { first: Number(found[1]), last: Number(found[2]) } : undefined;
}

/** A server that ignores Range would send the whole model. */
function checkRangeAnswer(response: Response, wanted: Range, url: URL): void {
  const { first } = /^bytes (?<first>\d+)-/.exec(response.headers.get('Content-Range') ?? '')?.groups ?? {};
  if (response.status === 206 && (first === undefined || Number(first) === wanted.first)) return;
  void response.body?.cancel().catch(() => undefined);
  throw new LoupeError(
    'unsupported',
    `${url.host} does not serve parts of files, so the header cannot be read without the whole model.`,
  );
}

/** The same answer, which fails instead of growing beyond `limit` bytes. */
function bounded(
  response: Response,
  limit: number,
  host: string,
  explain: (thrown: unknown) => LoupeError,
): Response {
  if (!response.body) return response;
  const reader = response.body.getReader();
  let received = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        received += value.length;
        if (received > limit) {
          await reader.cancel().catch(() => undefined);
          throw new LoupeError('io', `An answer of ${host} is longer than the allowed ${limit} bytes.`);
        }
        controller.enqueue(value);
      } catch (thrown) {
        controller.error(thrown instanceof LoupeError ? thrown : explain(thrown));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
  const { status, statusText, headers } = response;
  return new Response(body, { status, statusText, headers });
}

const offlineCodes: ReadonlySet<unknown> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
]);

function explainFailure(
  thrown: unknown,
  url: URL,
  cancel: AbortSignal | undefined,
  timeout: AbortSignal,
  limitMs: number,
): LoupeError {
  if (thrown instanceof LoupeError) return thrown;
  if (cancel?.aborted) return new LoupeError('cancelled', 'Cancelled.');
  if (timeout.aborted) return new LoupeError('io', `${url.host} did not answer within ${limitMs / 1000} s.`);
  const cause = thrown instanceof Error ? (thrown.cause as { code?: unknown; message?: unknown }) : undefined;
  const code = cause?.code;
  if (offlineCodes.has(code))
    return new LoupeError(
      'io',
      `${url.host} cannot be found: this machine seems to be offline (${String(code)}).`,
    );
  const reason = code ?? cause?.message ?? (thrown instanceof Error ? thrown.message : thrown);
  return new LoupeError('io', `${url.host} cannot be reached (${String(reason)}).`);
}
