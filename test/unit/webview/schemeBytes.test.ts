import { describe, expect, it } from 'vitest';
import type { SchemeBytes } from '../../../src/protocol/schemeBytesApi';
import { schemeBytesGroups, schemeBytesSentence } from '../../../webview-ui/state/schemeBytes';

type Size = SchemeBytes['sizes'][number];
const size = (label: string, bytes: number, more: Partial<Size> = {}): Size => ({
  ...{ scheme: label.toLowerCase(), label, family: 'integer', bytes, bitsPerWeight: bytes / 128 },
  ...{ quantized: 1, refused: 0 },
  ...more,
});

const told: SchemeBytes = {
  storedBytes: 2048,
  sizes: [
    size('INT4', 576),
    size('INT8', 1028),
    size('NVFP4', 2048, { quantized: 0, refused: 2, refusal: 'a: 33 columns.' }),
    size('LLM.int8()', 2048, { quantized: 0 }),
    size('Q4_K', 590, { family: 'ggml' }),
  ],
};

describe('the bytes of a row under every scheme', () => {
  it('are listed by kind, the largest first', () => {
    const groups = schemeBytesGroups(told, false);
    expect(groups.map(({ title, rows }) => [title, rows.map(({ label }) => label)])).toEqual([
      ['Schemes', ['NVFP4', 'LLM.int8()', 'INT8', 'INT4']],
      ['Types of GGUF', ['Q4_K']],
    ]);
    expect(schemeBytesGroups(told, true)[0]!.title).toBe('Types of GGUF');
  });

  it('say what is kept and what does not fit', () => {
    const [{ rows } = { rows: [] }] = schemeBytesGroups(told, false);
    expect(rows.map(({ note }) => note)).toEqual(['2 do not fit', 'kept', '', '']);
    expect(rows[0]!.reason).toBe('a: 33 columns.');
  });

  it('are one sentence for a screen reader', () => {
    expect(schemeBytesSentence('layer', told)).toBe(
      'layer: 2 KiB now, from 1.00 KiB as INT8 to 576 B as INT4. The details list every scheme.',
    );
    const kept = { storedBytes: 512, sizes: [size('INT8', 512, { quantized: 0 })] };
    expect(schemeBytesSentence('norm', kept)).toBe('norm: 512 B now, and kept as it is by every scheme.');
  });
});
