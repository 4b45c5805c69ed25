/** Large headers for benchmarks, made in memory: no data follow, the files only claim them. */

export interface BigHeader {
  /** The file up to its data. */
  readonly bytes: Uint8Array;
  readonly dataBytes: number;
}

/** A header of `count` tensors named as models name theirs, as a file of the right length minus its data. */
export function bigSafetensorsHeader(count: number): BigHeader {
  const members: string[] = [`"__metadata__":{"format":"pt"}`];
  let end = 0;
  for (let i = 0; i < count; i++) {
    const begin = end;
    end += 2 * 128 * 64;
    members.push(
      `"model.layers.${i >> 6}.mlp.experts.${i & 63}.down_proj.weight":{"dtype":"BF16","shape":[128,64],"data_offsets":[${begin},${end}]}`,
    );
  }
  const json = Buffer.from(`{${members.join(',')}}`, 'utf8');
  const bytes = new Uint8Array(8 + json.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return { bytes, dataBytes: end };
}

/** A GGUF header with a tokenizer of `vocabulary` tokens, scores and types, and `count` tensors of Q4_0. */
export function bigGgufHeader(vocabulary: number, count: number): BigHeader {
  const parts: Buffer[] = [];
  const u32 = (value: number) => {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    return part;
  };
  const u64 = (value: number) => {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    return part;
  };
  const text = (value: string) => {
    const encoded = Buffer.from(value, 'utf8');
    return Buffer.concat([u64(encoded.length), encoded]);
  };
  const array = (key: string, type: number, length: number) =>
    parts.push(text(key), u32(9), u32(type), u64(length));
  parts.push(Buffer.from('GGUF'), u32(3), u64(count), u64(5));
  parts.push(text('general.architecture'), u32(8), text('llama'));
  parts.push(text('general.name'), u32(8), text('A model of many experts'));
  array('tokenizer.ggml.tokens', 8, vocabulary);
  for (let i = 0; i < vocabulary; i++) parts.push(text(i % 7 === 0 ? `Ġtöken${i}` : `Token_${i}`));
  array('tokenizer.ggml.scores', 6, vocabulary);
  parts.push(Buffer.alloc(4 * vocabulary));
  array('tokenizer.ggml.token_type', 5, vocabulary);
  parts.push(Buffer.alloc(4 * vocabulary, 1));
  let offset = 0;
  for (let i = 0; i < count; i++) {
    parts.push(
      text(`blk.${i >> 6}.ffn_down.${i & 63}.weight`),
      u32(2),
      u64(64),
      u64(128),
      u32(2),
      u64(offset),
    );
    offset += (64 * 128 * 18) / 32;
  }
  const header = Buffer.concat(parts);
  const padding = (32 - (header.length % 32)) % 32;
  return { bytes: new Uint8Array(Buffer.concat([header, Buffer.alloc(padding)])), dataBytes: offset };
}
