/** Models on a Hub of our own: what is asked of it, what comes of it, and what never leaves. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CheckpointCache } from '../../../src/engine/checkpointCache';
import { listHubChoices, openHubModel } from '../../../src/engine/hubModels';
import { memoryJob } from '../../../src/engine/memory/memoryJob';
import { LoupeError } from '../../../src/errors';
import { openCheckpoint } from '../../../src/formats/open';
import type { OpenProgress } from '../../../src/formats/openProgress';
import { hubFetch } from '../../../src/hub/hubFetch';
import type { HubAccess } from '../../../src/hub/hubLocation';
import { listRepository } from '../../../src/hub/hubRepository';
import { type HubServer, startHubServer } from '../../fixtures/hubServer';
import { f32Data, makeGguf, makeSafetensors } from '../../fixtures/makeCheckpoint';

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const weights = (name: string, elements: number) =>
  makeSafetensors([{ name, dtype: 'F32', shape: [elements], data: f32Data(new Float32Array(elements)) }]);
const shard = (i: number) => `model-0000${i}-of-00002.safetensors`;
const token = 'hf_secretOfTheTest';

/** 1.2 MB of values in all, of which none is wanted. */
const sharded = {
  'README.md': text('hello'),
  'config.json': text({ architectures: ['LlamaForCausalLM'], hidden_size: 64 }),
  'model.safetensors.index.json': text({ weight_map: { a: shard(1), b: shard(2) } }),
  [shard(1)]: weights('a', 150_000),
  [shard(2)]: weights('b', 150_000),
  'gguf/small-Q8_0.gguf': makeGguf({
    tensors: [{ name: 'token_embd.weight', dtype: 'F32', shape: [4], data: f32Data([1, 2, 3, 4]) }],
    metadata: [{ key: 'general.architecture', type: 'string', value: 'llama' }],
  }),
};

let hub: HubServer;
beforeAll(async () => {
  hub = await startHubServer({
    'org/small': { files: sharded },
    'org/gated': { files: { 'model.safetensors': weights('w', 5000) }, token },
    'org/empty': { files: { 'README.md': text('hello') } },
    'org/hostile': {
      files: {
        'model.safetensors.index.json': text({ weight_map: { a: '../../etc/passwd', b: 'b.safetensors' } }),
        'b.safetensors': weights('b', 4),
      },
    },
  });
});
afterAll(() => hub.stop());
afterEach(() => {
  hub.intercept = undefined;
  hub.requests.length = 0;
});

const access = (more: Partial<HubAccess> = {}): HubAccess => ({ endpoint: hub.endpoint, ...more });
const quiet = () => ({ signal: new AbortController().signal, progress: () => {} });
const open = (path: string, name = 'org/small', revision = 'main', given?: string) =>
  openHubModel({ location: { name, revision, path }, access: access({ token: given }) }, quiet());
const choices = (name: string, more: Partial<HubAccess> = {}) =>
  listHubChoices({ repository: { name, revision: 'main' }, access: access(more) }, quiet().signal);
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it did not fail'),
    (thrown) => {
      expect(thrown).toBeInstanceOf(LoupeError);
      return thrown as LoupeError;
    },
  );

describe('a model on the Hub', () => {
  it('offers its checkpoints, over all pages of the list', async () => {
    expect((await choices('org/small')).map(({ path, fileCount }) => [path, fileCount])).toEqual([
      ['model.safetensors.index.json', 2],
      ['gguf/small-Q8_0.gguf', 1],
    ]);
    expect(hub.requests.filter(({ url }) => url.includes('/tree/')).length).toBeGreaterThan(1);
    expect(hub.fileBytesSent()).toBe(0);
  });

  it('gives the catalogue that its files give on disk, from headers alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'loupe-hub-'));
    try {
      for (const [name, bytes] of Object.entries(sharded)) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), bytes);
      }
      const local = await openCheckpoint(join(folder, 'model.safetensors.index.json'));
      const progress: OpenProgress[] = [];
      const remote = await openHubModel(
        {
          location: { name: 'org/small', revision: 'main', path: 'model.safetensors.index.json' },
          access: access(),
        },
        { ...quiet(), progress: (state) => progress.push(state) },
      );
      expect(remote.tensors.names).toEqual(local.tensors.map(({ name }) => name));
      expect([...remote.tensors.byteOffset]).toEqual(local.tensors.map(({ byteOffset }) => byteOffset));
      expect(remote.bytes).toBe(1_200_000);
      expect(remote.config).toEqual(local.config);
      expect(remote.architecture).toEqual(local.architecture);
      expect(remote.findings).toEqual([]);
      expect(remote.name).toBe('small');
      expect(remote.path).toBe('tensor-loupe-hub:/org/small@main/model.safetensors.index.json');
      expect(remote.files.map(({ path }) => path)).toEqual(
        [1, 2].map((i) => `tensor-loupe-hub:/org/small@main/${shard(i)}`),
      );
      expect(progress[0]?.preview).toMatchObject({ name: 'small', tensorCount: 2 });
      expect(progress.at(-1)).toEqual({ filesDone: 2, filesTotal: 2 });
    } finally {
      await rm(folder, { recursive: true });
    }
    // Two shards at 64 KiB each, and the sidecars.
    expect(hub.fileBytesSent()).toBeLessThan(2 * 65_536 + 1000);
    expect(hub.requests.every(({ url, range }) => !url.includes('/resolve/') || range !== undefined)).toBe(
      true,
    );
    expect(hub.requests.every(({ url }) => url.includes('org/small') || url.includes('org%2Fsmall'))).toBe(
      true,
    );
  });

  it('is estimated from the headers that were read, without asking anything more', async () => {
    const { path, bytes } = await open('model.safetensors.index.json');
    hub.requests.length = 0;
    const { weights: estimated, notes } = await memoryJob(new CheckpointCache(), { path });
    expect(estimated).toMatchObject({ bytes, certainty: 'exact' });
    // Its config says nothing of heads.
    expect(notes.join(' ')).toContain('The cache is not counted');
    expect(hub.requests).toEqual([]);
    const other = path.replace('org/small', 'org/other');
    expect((await failure(memoryJob(new CheckpointCache(), { path: other }))).code).toBe('not-found');
  });

  it('says of every tensor why it has no values, and refuses jobs on it', async () => {
    const catalogue = await open('gguf/small-Q8_0.gguf');
    expect(catalogue.format).toBe('gguf');
    expect(catalogue.tensors.unreadable).toEqual([
      { index: 0, reason: 'The values are on the Hub; download the model to analyze them.' },
    ]);
    const refused = await failure(new CheckpointCache().get(catalogue.path));
    expect(refused).toMatchObject({
      code: 'unsupported',
      message: 'The values are on the Hub; download the model to analyze them.',
    });
  });

  it('does not follow an index out of its repository', async () => {
    const catalogue = await open('model.safetensors.index.json', 'org/hostile');
    expect(catalogue.findings.map(({ code }) => code)).toContain('index-escapes');
    expect(catalogue.tensors.names).toEqual(['b']);
    expect(hub.requests.some(({ url }) => url.includes('passwd'))).toBe(false);
  });
});

describe('the token', () => {
  it('opens a gated model, and never reaches the storage server', async () => {
    const catalogue = await open('model.safetensors', 'org/gated', 'main', token);
    expect(catalogue.tensors.names).toEqual(['w']);
    const storage = hub.requests.filter(({ server }) => server === 'storage');
    expect(storage.length).toBeGreaterThan(0);
    expect(storage.map(({ authorization }) => authorization)).toEqual(storage.map(() => undefined));
    const front = hub.requests.filter(({ server }) => server === 'hub');
    expect(front.every(({ authorization }) => authorization === `Bearer ${token}`)).toBe(true);
  });

  it('does not follow a page of the list to another server', async () => {
    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('[]');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
    hub.intercept = (request, response) => {
      if (!request.url?.includes('/tree/')) return false;
      response.writeHead(200, { 'Content-Type': 'application/json', Link: `<${elsewhere}>; rel="next"` });
      response.end('[]');
      return true;
    };
    try {
      const error = await failure(choices('org/gated', { token }));
      expect(error.code).toBe('io');
      expect(error.message).toContain('which was not asked for');
      expect(seen).toEqual([]);
    } finally {
      other.closeAllConnections();
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('is not sent in clear text to another machine', async () => {
    const headers: Headers[] = [];
    const genuine = globalThis.fetch;
    globalThis.fetch = async (_url, init) => {
      headers.push(new Headers(init?.headers));
      return new Response('{}');
    };
    try {
      for (const endpoint of ['http://hub.example', 'https://hub.example'])
        await hubFetch({ endpoint })(`${endpoint}/x`, { headers: { Authorization: 'Bearer hf_x' } });
    } finally {
      globalThis.fetch = genuine;
    }
    expect(headers.map((sent) => sent.get('Authorization'))).toEqual([null, 'Bearer hf_x']);
  });

  it('must look like one', async () => {
    const error = await failure(choices('org/small', { token: 'hf_a\nX-Other: 1' }));
    expect(error.code).toBe('usage');
    expect(error.message).not.toContain('X-Other');
    expect(hub.requests).toEqual([]);
  });
});

describe('what goes wrong', () => {
  it.each([
    ['a gated model without a token', 'org/gated', undefined, 'io', /needs a token.*HF_TOKEN/],
    ['a token without access', 'org/gated', 'hf_other', 'io', /terms must be accepted on its page/],
    ['an unknown model', 'org/nothing', 'hf_any', 'not-found', /no model org\/nothing at revision main/],
    ['a model of other formats', 'org/empty', undefined, 'not-a-checkpoint', /no safetensors and no GGUF/],
  ])('is said: %s', async (_what, name, given, code, message) => {
    const error = await failure(choices(name, given === undefined ? {} : { token: given }));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('is said: files behind a gate, of a model that anyone may list', async () => {
    hub.intercept = (request, response) => {
      if (!request.url?.includes('/resolve/')) return false;
      response.writeHead(401, { 'Content-Type': 'text/plain', 'X-Error-Code': 'GatedRepo' });
      response.end('Access to model org/small is restricted.');
      return true;
    };
    expect(await choices('org/small')).toHaveLength(2);
    for (const path of ['model.safetensors.index.json', shard(2), 'gguf/small-Q8_0.gguf']) {
      const error = await failure(open(path));
      expect(error.code).toBe('io');
      expect(error.message).toMatch(/^org\/small needs a token/);
    }
  });

  it('is said: an unknown revision, an unknown file', async () => {
    expect((await failure(open('model.safetensors', 'org/small', 'v9'))).message).toMatch(/at revision v9/);
    const error = await failure(open('nothing.gguf'));
    expect(error).toMatchObject({ code: 'not-found', file: 'tensor-loupe-hub:/org/small@main/nothing.gguf' });
  });

  it('is said: no connection', async () => {
    const nobody = createServer();
    await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
    const { port } = nobody.address() as AddressInfo;
    await new Promise((resolve) => nobody.close(resolve));
    const closed = await failure(choices('org/small', { endpoint: `http://127.0.0.1:${port}` }));
    expect(closed.code).toBe('io');
    expect(closed.message).toContain('cannot be reached (ECONNREFUSED)');

    const genuine = globalThis.fetch;
    globalThis.fetch = async () => {
      throw new TypeError('fetch failed', { cause: { code: 'ENOTFOUND' } });
    };
    try {
      expect((await failure(choices('org/small'))).message).toContain('offline (ENOTFOUND)');
    } finally {
      globalThis.fetch = genuine;
    }
  });

  it('is said: a server without ranges, whose whole files are not taken', async () => {
    let sent = 0;
    hub.intercept = (request, response) => {
      if (!request.url?.includes('/resolve/')) return false;
      sent++;
      response.writeHead(200, { 'Content-Length': 10_000_000 });
      response.write(new Uint8Array(1000));
      return true;
    };
    const error = await failure(open('gguf/small-Q8_0.gguf'));
    expect(error.code).toBe('unsupported');
    expect(error.message).toContain('does not serve parts of files');
    expect(sent).toBe(1);
  });

  it('is said: an answer that is too long, no JSON, or a redirect without end', async () => {
    const answer = (handle: NonNullable<HubServer['intercept']>) => {
      hub.intercept = handle;
      return failure(choices('org/small'));
    };
    const long = await answer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      for (let i = 0; i < 40; i++) response.write(Buffer.alloc(1_048_576, 0x20));
      response.end();
      return true;
    });
    expect(long.message).toContain('longer than the allowed');
    const foreign = await answer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html' });
      response.end('<html>');
      return true;
    });
    expect(foreign.message).toContain('cannot be understood');
    const endless = await answer((request, response) => {
      response.writeHead(302, { Location: request.url });
      response.end();
      return true;
    });
    expect(endless.message).toContain('redirects more than');
    expect([long.code, foreign.code, endless.code]).toEqual(['io', 'io', 'io']);
  });

  it('ends on time and on request when there is no answer', async () => {
    hub.intercept = () => true;
    const repository = { name: 'org/small', revision: 'main' };
    const late = await failure(listRepository(repository, access(), { timeoutMs: 100 }));
    expect(late.message).toContain('did not answer within 0.1 s');
    const controller = new AbortController();
    const cancelled = failure(listRepository(repository, access(), { signal: controller.signal }));
    setTimeout(() => controller.abort(), 50);
    expect((await cancelled).code).toBe('cancelled');
  });
});
