import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { settingFor } from '../../../src/quant/choice';
import { storedFormFor } from '../../../src/quant/encoding';
import { schemes } from '../../../src/quant/schemes';

const text = readFileSync(fileURLToPath(new URL('../../../docs/schemes.md', import.meta.url)), 'utf8');
const sections = text.split(/^## /m).slice(1);
const namesOf = (section: string) =>
  [...section.slice(0, section.indexOf('\n')).matchAll(/`([^`]+)`/g)].map(([, name]) => name!);

describe('docs/schemes.md', () => {
  it('has each scheme of the registry in one heading, and no other', () => {
    const documented = sections.flatMap(namesOf);
    expect([...documented].sort()).toEqual(schemes.map(({ name }) => name).sort());
  });

  it('says of each how it is computed and rounded, what is stored, its bits per weight and its output', () => {
    for (const section of sections) {
      const names = namesOf(section);
      if (names[0]!.startsWith('prune-')) {
        for (const name of names) expect(section).toContain(`\`${name}\``);
      } else expect([names, /Formula: /.test(section)]).toEqual([names, true]);
      for (const word of [
        /stored|Stored/,
        /bits per weight/i,
        /output/i,
        /Source|arXiv|IEEE|Labonne|HQQ|widened/,
      ])
        expect([names, word.test(section)]).toEqual([names, true]);
    }
  });

  it('names the layout that a scheme is written in', () => {
    for (const section of sections) {
      const [name] = namesOf(section);
      const scheme = schemes.find((known) => known.name === name)!;
      const choice = { scheme: scheme.name, granularity: scheme.options.granularities[0]! };
      const head = scheme.name === 'prune-heads' ? { headSize: 1 } : {};
      const form = storedFormFor(settingFor({ ...choice, ...head }, 'BF16', { rows: 4096, columns: 4096 }));
      const expected = {
        'compressed-tensors': 'compressed-tensors `',
        bitsandbytes: 'Output: bitsandbytes|output: as NF4',
        gguf: 'Output: GGUF',
        plain: 'plain tensors',
        none: 'Output: none',
        onnx: 'ONNX',
      }[form.layout];
      expect([name, new RegExp(expected).test(section)]).toEqual([name, true]);
    }
  });
});
