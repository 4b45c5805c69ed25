/** Outputs that are files rather than folders, whose engine is really killed: they go on from the tensors that were synced and noted. */
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LoupeError } from '../../../../src/errors';
import type { QuantizeReport, QuantizeRequest } from '../../../../src/protocol/engineApi';
import { bf16Data, f32Data, makeGguf } from '../../../fixtures/makeCheckpoint';
import { externalTensor } from '../../../fixtures/makeOnnx';
import { type SmallModel, smallOnnx } from '../../../fixtures/onnxModels';
import { hashesOf, hiddenIn, tensorsNotedIn, until } from '../largeModel';
import { failureOf, randomValues, request, startEngine, temporaryFolder } from '../support';

const folder = temporaryFolder();
const engine = startEngine();
const values = [1, 2, 3].map((seed) => randomValues(2 ** 21, seed));

/** 24 matrices of 2^21 BF16. */
function writeGguf(): string {
  const data = values.map((each) => bf16Data(each));
  const path = join(folder, 'model.gguf');
  const bytes = makeGguf({
    metadata: [
      { key: 'general.architecture', type: 'string', value: 'llama' },
      { key: 'llama.block_count', type: 'u32', value: 24 },
      { key: 'llama.embedding_length', type: 'u32', value: 2048 },
    ],
    tensors: Array.from({ length: 24 }, (_, i) => ({
      name: `blk.${i}.ffn_up.weight`,
      dtype: 'BF16',
      shape: [1024, 2048],
      data: data[i % data.length]!,
    })),
  });
  writeFileSync(path, bytes);
  return path;
}

const wide = { K: 1024, N: 2048 };
const products = Array.from({ length: 16 }, (_, i) => `w${i}`);
const network: SmallModel = {
  nodes: products.map((name) => ({ opType: 'MatMul', input: ['x', name], output: [`y_${name}`] })),
  weights: products.map((name, i) => ({
    name,
    shape: [wide.K, wide.N],
    values: values[i % values.length]!,
  })),
  inputs: [{ name: 'x', shape: [1, wide.K] }],
  outputs: products.map((name) => `y_${name}`),
};

function writeOnnx(): string {
  const path = join(folder, 'inside.onnx');
  writeFileSync(path, smallOnnx(network));
  return path;
}

/** The same with the weights in a file of their own. */
function writeExternal(): string {
  const path = join(folder, 'outside.onnx');
  const bytes = 4 * wide.K * wide.N;
  writeFileSync(join(folder, 'outside.bin'), Buffer.concat(values.map((each) => f32Data(each))));
  const initializer = products.map((name, i) =>
    externalTensor(name, [wide.K, wide.N], {
      location: 'outside.bin',
      offset: String((i % values.length) * bytes),
      length: String(bytes),
    }),
  );
  writeFileSync(path, smallOnnx({ ...network, more: { initializer } }));
  return path;
}

interface Case {
  readonly name: string;
  write(): string;
  readonly out: string;
  readonly more: Partial<QuantizeRequest>;
}

const byChannel = { scheme: 'int8-zeropoint', granularity: 'row' } as const;
const cases: readonly Case[] = [
  { name: 'one GGUF file', write: writeGguf, out: 'out.gguf', more: { gguf: { fileType: 'Q6_K' } } },
  {
    name: 'a GGUF model of several files',
    write: writeGguf,
    out: 'out.gguf',
    more: { gguf: { fileType: 'Q6_K' }, maxShardBytes: 8_000_000 },
  },
  { name: 'one ONNX file', write: writeOnnx, out: 'out.onnx', more: byChannel },
  { name: 'an ONNX model with a data file', write: writeExternal, out: 'out.onnx', more: byChannel },
];

/** Has an engine killed while it writes into `parent` and some tensors are noted; tried again where it was done before. */
async function killed(own: QuantizeRequest, parent: string): Promise<void> {
  for (let attempt = 0; attempt < 8; attempt++) {
    const victim = startEngine({ env: { TENSOR_LOUPE_WORKERS: '1' } });
    let over = false;
    const ended = victim
      .call('quantize', { ...own, keepFinished: true })
      .then(
        () => undefined,
        (thrown: LoupeError) => thrown,
      )
      .finally(() => {
        over = true;
      });
    await until(() => over || (existsSync(parent) && tensorsNotedIn(parent) > 0), 'tensors are noted', 2);
    process.kill(victim.pid!, 'SIGKILL');
    const failure = await ended;
    victim.dispose();
    if (failure) {
      expect(failure.code).toBe('engine-died');
      return;
    }
    rmSync(parent, { recursive: true });
  }
  throw new Error('it was never killed in time');
}

/** What a report says but for places and times. */
const figures = ({ tensors, bytesBefore, bytesAfter }: QuantizeReport) => ({
  tensors,
  bytesBefore,
  bytesAfter,
});

describe.each(cases)('$name', ({ write, out, more }) => {
  const place = temporaryFolder();
  let path = '';
  const job = (name: string, also: Partial<QuantizeRequest> = {}) =>
    request(path, join(place, name, out), { ...more, ...also });

  it('goes on after kill -9 to the bytes and figures of an uninterrupted run', async () => {
    path = write();
    const whole = await engine.call('quantize', job('whole'));
    const parent = join(place, 'killed');
    await killed(job('killed'), parent);
    // Nothing is there under a name of the output.
    expect(readdirSync(parent)).toEqual(hiddenIn(parent));
    const noted = tensorsNotedIn(parent);
    const dry = await engine.call('quantize', job('killed', { dryRun: true }));
    expect(dry.unfinished).toMatchObject({ tensorsDone: noted, tensorsTotal: whole.tensors.length });
    expect(dry.unfinished!.mismatch).toBeUndefined();
    expect(noted).toBeLessThan(whole.tensors.length);

    const seen: number[] = [];
    const report = await engine.call('quantize', job('killed', { resume: true }), {
      progress: (told) => seen.push(told.tensorsDone),
    });
    expect(seen[0]).toBeGreaterThan(0);
    expect(hashesOf(parent)).toEqual(hashesOf(join(place, 'whole')));
    expect(figures(report)).toEqual(figures(whole));
  }, 180_000);
});

describe('what a killed engine left of a GGUF file', () => {
  const place = temporaryFolder();
  const out = join(place, 'out', 'out.gguf');
  const parent = dirname(out);
  const gguf = { fileType: 'Q6_K' } as const;

  it('is of no use to other settings, and made again where it is not as it was', async () => {
    const path = writeGguf();
    await killed(request(path, out, { gguf }), parent);
    const other = request(path, out, { gguf: { ...gguf, rules: [{ pattern: 'blk.3.**', type: 'q8_0' }] } });
    expect((await failureOf(engine.call('quantize', { ...other, resume: true }))).message).toContain(
      'other settings',
    );
    const [hidden] = hiddenIn(parent);
    truncateSync(join(parent, hidden!, 'out.gguf.partial'), 20_000_000);
    await engine.call('quantize', request(path, out, { gguf, resume: true }));
    expect(readdirSync(parent)).toEqual(['out.gguf']);
    const whole = join(place, 'whole', 'out.gguf');
    await engine.call('quantize', request(path, whole, { gguf }));
    expect(hashesOf(parent)).toEqual(hashesOf(dirname(whole)));
  }, 180_000);

  it('is kept by a cancelled job, too, which says so', async () => {
    const path = writeGguf();
    const cancelled = join(place, 'cancelled', 'out.gguf');
    for (let attempt = 0; attempt < 8; attempt++) {
      const controller = new AbortController();
      const call = engine
        .call('quantize', request(path, cancelled, { gguf, keepFinished: true, overwrite: true }), {
          signal: controller.signal,
          progress: ({ tensorsDone }) => tensorsDone > 14 && controller.abort(),
        })
        .then(
          () => undefined,
          (thrown: LoupeError) => thrown,
        );
      const failure = await call;
      if (!failure) continue;
      const noted = tensorsNotedIn(dirname(cancelled));
      expect(failure.message).toBe(
        `Cancelled. ${noted} of 24 tensors are finished and kept: it can be resumed.`,
      );
      expect(noted).toBeGreaterThan(8);
      await engine.call('discardUnfinished', request(path, cancelled, { gguf }));
      expect(hiddenIn(dirname(cancelled))).toEqual([]);
      return;
    }
    throw new Error('it was never cancelled in time');
  }, 180_000);
});
