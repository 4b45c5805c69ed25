import { describe, expect, it } from 'vitest';
import {
  csvField,
  markdownCell,
  tensorListFormat,
  tensorListText,
} from '../../../src/commands/tensorListText';
import { toColumns } from '../../../webview-ui/dev/models/harnessModel';
import { madeUpModel } from '../../../webview-ui/dev/models/madeUpModel';

const { catalogue } = madeUpModel(1);

/** Reads RFC 4180 back, to the letter. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  for (const line of text.split('\r\n').slice(0, -1)) {
    rows.push(
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map((m) =>
        (m[1] ?? m[2] ?? '').replaceAll('""', '"'),
      ),
    );
  }
  return rows;
}

describe('the tensor list as text', () => {
  it('has a CSV row a tensor, with numbers as numbers', () => {
    const [head, ...rows] = readCsv(tensorListText(catalogue, 'csv'));
    expect(head).toEqual(['name', 'dtype', 'shape', 'elements', 'bytes', 'file', 'byteOffset']);
    expect(rows).toHaveLength(catalogue.tensors.count);
    expect(rows[1]).toEqual([
      'lm_head.weight',
      'BF16',
      '64 x 32',
      '2048',
      '4096',
      'model.safetensors',
      '6144',
    ]);
  });

  it('reads back from JSON', () => {
    const list = JSON.parse(tensorListText(catalogue, 'json'));
    expect(list.tensors.map((row: { name: string }) => row.name)).toEqual(catalogue.tensors.names);
    expect(list.tensors[1].shape).toEqual([64, 32]);
  });

  it('has a Markdown line a tensor, all of seven cells', () => {
    const lines = tensorListText(catalogue, 'md').trimEnd().split('\n');
    expect(lines).toHaveLength(2 + catalogue.tensors.count);
    for (const line of lines) expect(line.split('|')).toHaveLength(9);
  });

  it('lets no name act as a formula', () => {
    for (const name of [
      '=1+1',
      '+cmd',
      '-2',
      '@SUM(A1)',
      '\t=1',
      '\r=1',
      '  =1',
      '＝1',
      "=cmd|' /C calc'!A0",
    ]) {
      const field = csvField(name);
      expect(field.replace(/^"/, '')[0]).toBe("'");
    }
    expect(csvField('model.norm.weight')).toBe('model.norm.weight');
    expect(csvField('a,"b"')).toBe('"a,""b"""');
  });

  it('lets no name act as Markdown or HTML', () => {
    const cell = markdownCell('a|b\n<img src=x>[l](javascript:x) `c` \\ _d_');
    expect(cell).not.toMatch(/\n|(?<!\\)(\\\\)*[|<>[\]`]/);
    expect(cell).toBe('a\\|b \\<img src=x\\>\\[l\\](javascript\\:x) \\`c\\` \\\\ \\_d\\_');
    expect(markdownCell('model.down_proj.weight-1')).toBe('model.down_proj.weight-1');
  });

  it('keeps hostile names whole through CSV and JSON', () => {
    const name = '__proto__,"x"';
    const model = {
      ...catalogue,
      tensors: toColumns([{ name, dtype: 'F32', shape: [], bytes: 4, byteOffset: 8 }]),
    };
    expect(readCsv(tensorListText(model, 'csv'))[1]?.slice(0, 3)).toEqual([name, 'F32', 'scalar']);
    expect(JSON.parse(tensorListText(model, 'json')).tensors[0].name).toBe(name);
  });

  it('takes the format from the file name', () => {
    expect(['a.CSV', 'b.json', 'c.md', 'd', 'e.txt'].map(tensorListFormat)).toEqual([
      'csv',
      'json',
      'md',
      'csv',
      'csv',
    ]);
  });
});
