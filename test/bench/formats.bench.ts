/**
 * Speed of the readers against other JavaScript parsers of the same bytes, all in memory and in one run, printed as
 * ratios: @huggingface/gguf and hyllama on a GGUF header, @huggingface/hub on a safetensors header. Then a model of
 * 1,000 shards, 1.4 TB of sparse files, from disk. Run it with `node scripts/bench.mjs formats`.
 */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf } from '@huggingface/gguf';
import { parseSafetensorsMetadata } from '@huggingface/hub';
import { ggufMetadata } from 'hyllama';
import type { ByteSource } from '../../src/bytes/byteSource';
import { readGguf } from '../../src/formats/gguf/reader';
import { openCheckpoint } from '../../src/formats/open';
import { readSafetensors } from '../../src/formats/safetensors/reader';
import { type BigHeader, bigGgufHeader, bigSafetensorsHeader } from './support/bigHeaders';

/** Header bytes with data behind them that nobody reads: they cost no memory. */
function headerSource({ bytes, dataBytes }: BigHeader, path: string): ByteSource {
  return {
    path,
    size: bytes.length + dataBytes,
    read: async (byteOffset, length) => {
      const result = new Uint8Array(length);
      result.set(bytes.subarray(byteOffset, byteOffset + length));
      return result;
    },
    close: async () => {},
  };
}

/** Answers range requests from memory, as a server of the Hub would. */
function rangeFetch({ bytes, dataBytes }: BigHeader): typeof fetch {
  const total = bytes.length + dataBytes;
  return async (_url, init) => {
    const range = new Headers(init?.headers).get('range');
    const [, first = '0', last = '0'] = /bytes=(\d+)-(\d+)/.exec(range ?? '') ?? [];
    return new Response(bytes.slice(Number(first), Number(last) + 1), {
      status: 206,
      headers: { 'content-range': `bytes ${first}-${last}/${total}`, etag: '"1"' },
    });
  };
}

interface Contender {
  readonly name: string;
  /** Parses once and gives the number of tensors that it found. */
  readonly parse: () => Promise<number> | number;
}

/** Best milliseconds of some rounds in which the contenders take turns, so that a busy moment hits all of them. */
async function compare(title: string, tensors: number, rounds: number, contenders: readonly Contender[]) {
  const best = contenders.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { name, parse }] of contenders.entries()) {
      const start = performance.now();
      const found = await parse();
      best[i] = Math.min(best[i]!, performance.now() - start);
      if (found !== tensors) throw new Error(`${name} found ${found} tensors instead of ${tensors}`);
    }
  }
  console.log(`\n${title}`);
  for (const [i, { name }] of contenders.entries()) {
    const ratio = i === 0 ? '' : `${(best[i]! / best[0]!).toFixed(1).padStart(7)} x`;
    console.log(`  ${name.padEnd(24)}${best[i]!.toFixed(1).padStart(9)} ms${ratio}`);
  }
  console.log(`  against the fastest other: ${(Math.min(...best.slice(1)) / best[0]!).toFixed(1)} x`);
}

async function compareGguf(): Promise<void> {
  const [vocabulary, tensors] = [150_000, 100_000];
  const header = bigGgufHeader(vocabulary, tensors);
  const source = headerSource(header, 'big.gguf');
  const { buffer } = header.bytes;
  const url = 'https://localhost/big.gguf';
  await compare(
    `GGUF, ${vocabulary} tokens, ${tensors} tensors, ${(header.bytes.length / 1e6).toFixed(1)} MB of header`,
    tensors,
    15,
    [
      { name: 'Tensor Loupe', parse: async () => (await readGguf(source)).tensors.length },
      { name: 'hyllama', parse: () => ggufMetadata(buffer as ArrayBuffer).tensorInfos.length },
      {
        name: '@huggingface/gguf',
        parse: async () => (await gguf(url, { fetch: rangeFetch(header) })).tensorInfos.length,
      },
    ],
  );
}

async function compareSafetensors(): Promise<void> {
  const tensors = 50_000;
  const header = bigSafetensorsHeader(tensors);
  const source = headerSource(header, 'big.safetensors');
  await compare(
    `safetensors, ${tensors} tensors, ${(header.bytes.length / 1e6).toFixed(1)} MB of header`,
    tensors,
    15,
    [
      { name: 'Tensor Loupe', parse: async () => (await readSafetensors(source)).tensors.length },
      {
        name: '@huggingface/hub',
        parse: async () => {
          const parsed = await parseSafetensorsMetadata({
            repo: 'someone/model',
            path: 'model.safetensors',
            hubUrl: 'https://localhost',
            fetch: rangeFetch(header),
          });
          return parsed.sharded ? 0 : Object.keys(parsed.header).length - 1;
        },
      },
    ],
  );
}

/** A model of 1.4 TB in 1,000 shards: real headers, and holes where the values would be. */
async function openManyShards(): Promise<void> {
  const [shards, perShard, tensorBytes] = [1000, 64, 1.4e12 / 64_000];
  const folder = await mkdtemp(join(tmpdir(), 'tensor-loupe-shards-'));
  try {
    const weightMap: Record<string, string> = {};
    const bytes = Math.floor(tensorBytes / 8192) * 8192;
    for (let shard = 0; shard < shards; shard++) {
      const file = `model-${String(shard + 1).padStart(5, '0')}-of-${String(shards).padStart(5, '0')}.safetensors`;
      const members: string[] = [];
      for (let i = 0; i < perShard; i++) {
        const name = `model.layers.${shard}.mlp.experts.${i}.down_proj.weight`;
        weightMap[name] = file;
        const shape = [bytes / 8192, 4096];
        members.push(
          `${JSON.stringify(name)}:${JSON.stringify({ dtype: 'BF16', shape, data_offsets: [i * bytes, (i + 1) * bytes] })}`,
        );
      }
      const json = Buffer.from(`{${members.join(',')}}`);
      const prefix = Buffer.alloc(8);
      prefix.writeBigUInt64LE(BigInt(json.length));
      const handle = await open(join(folder, file), 'w');
      await handle.write(Buffer.concat([prefix, json]));
      await handle.truncate(8 + json.length + perShard * bytes);
      await handle.close();
    }
    const index = join(folder, 'model.safetensors.index.json');
    const total = shards * perShard * bytes;
    await writeFile(
      index,
      JSON.stringify({ metadata: { total_size: total }, weight_map: weightMap }, undefined, 2),
    );
    console.log(`\nIndex of ${shards} shards, ${(total / 1e12).toFixed(2)} TB (sparse)`);
    for (const run of ['first', 'second', 'third']) {
      const start = performance.now();
      const { tensors, findings } = await openCheckpoint(index);
      const took = performance.now() - start;
      if (tensors.length !== shards * perShard || findings.length > 0)
        throw new Error(`${tensors.length} tensors, ${findings[0]?.message}`);
      console.log(`  opened (${run} time)${took.toFixed(0).padStart(15)} ms`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

console.log(`Node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model}`);
await compareGguf();
await compareSafetensors();
await openManyShards();
