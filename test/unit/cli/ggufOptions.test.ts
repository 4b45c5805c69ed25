import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../../src/cli/options';

function parsed(...args: string[]) {
  const options = parseOptions(args);
  if (options === 'help') throw new Error('help was not asked for');
  return options;
}

describe('the options of GGUF outputs', () => {
  it('take a mix, a matrix and types for single tensors', () => {
    const { gguf, choice, pure } = parsed(
      ...['quantize', 'm.gguf', '--scheme', 'q4_k_m', '--imatrix', 'm.dat', '--pure'],
      ...['--tensor-type', '/a=b/=q8_0', '--tensor-type', '**.attn_v.*=q6_k', '--output-tensor-type', 'f16'],
      ...['--leave-output-tensor', '--allow-requantize', '--keep-split'],
    );
    expect(gguf).toEqual({
      fileType: 'q4_k_m',
      imatrix: resolve('m.dat'),
      imatrixName: 'm.dat',
      rules: [
        { pattern: '/a=b/', type: 'q8_0' },
        { pattern: '**.attn_v.*', type: 'q6_k' },
      ],
      outputType: 'f16',
      tokenEmbeddingType: undefined,
      leaveOutput: true,
      allowRequantize: true,
      keepSplit: true,
    });
    expect(choice.scheme).toBe('q4_k');
    expect(pure).toBe(true);
  });

  it('say nothing where a scheme may be meant for any format', () => {
    expect(parsed('quantize', 'm.gguf', '--scheme', 'q8_0').gguf).toBeUndefined();
    expect(parsed('quantize', 'm', '--scheme', 'int8-absmax').gguf).toBeUndefined();
  });

  it('take the ending of the output for a GGUF file, of types that it has', () => {
    const out = (scheme: string, file: string) =>
      parsed('quantize', 'm', '--scheme', scheme, '--out', file).gguf?.fileType;
    expect(out('f16', 'm.gguf')).toBe('f16');
    expect(out('q8_0', 'M.GGUF')).toBe('q8_0');
    expect(out('f16', 'folder')).toBeUndefined();
    expect(out('int8-absmax', 'm.gguf')).toBeUndefined();
  });

  it.each<[string, string[], string]>([
    ['a mix where errors are only computed', ['error', 'm.gguf', '--scheme', 'q4_k_m'], 'q4_k_m'],
    [
      'a matrix for integers',
      ['quantize', 'm', '--scheme', 'int8-absmax', '--imatrix', 'x'],
      '--imatrix goes with a GGUF type',
    ],
    [
      'a rule without a type',
      ['quantize', 'm.gguf', '--scheme', 'q8_0', '--tensor-type', 'attn_v'],
      'PATTERN=TYPE',
    ],
    [
      'types beside a recipe',
      ['quantize', 'm.gguf', '--recipe', 'r.json', '--output-tensor-type', 'q8_0'],
      'exclude each other',
    ],
  ])('refuse %s', (_, args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});

describe('edit-metadata', () => {
  it('takes keys with and without types, names and removals', () => {
    const { edit } = parsed(
      ...['edit-metadata', 'm.gguf', '--set', 'a.b=u32:7', '--set', 'c=x=y:z', '--set', 'd=[bool]:[true]'],
      ...['--name', 'n', '--remove', 'e'],
    );
    expect(edit?.edits).toEqual([
      { key: 'a.b', type: 'u32', text: '7' },
      { key: 'c', text: 'x=y:z' },
      { key: 'd', type: '[bool]', text: '[true]' },
      { key: 'general.name', type: 'string', text: 'n' },
      { key: 'e', remove: true },
    ]);
  });

  it('refuses to do nothing, and keys without values', () => {
    expect(() => parseOptions(['edit-metadata', 'm.gguf'])).toThrow('needs --set');
    expect(() => parseOptions(['edit-metadata', 'm.gguf', '--set', 'a'])).toThrow('KEY=');
  });
});
