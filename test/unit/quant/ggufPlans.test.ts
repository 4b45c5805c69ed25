/** The types that mixes give, against llama-quantize's own plans. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileTypeNamed, findFileType, ggufFileTypes } from '../../../src/quant/gguf/fileTypes';
import { type FactValue, modelFacts } from '../../../src/quant/gguf/modelFacts';
import {
  bytesIn,
  type GgufTensor,
  inGgufOrder,
  type MixOptions,
  planTypes,
} from '../../../src/quant/gguf/tensorTypes';
import { sharedPath } from '../../fixtures/shared';

interface PlannedModel {
  readonly name: string;
  readonly metadata: Readonly<Record<string, FactValue>>;
  readonly tensors: readonly (readonly [string, string, number[], number?, number?])[];
  readonly plans: Readonly<Record<string, string>>;
}

/** The first line says what the others are and how they were made. */
const [about, ...models] = readFileSync(
  path.join(import.meta.dirname, '../../fixtures/ggufPlans.jsonl'),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line)) as [{ readonly types: readonly string[] }, ...PlannedModel[]];
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** What the fixture calls its sets of options. */
const optionSets: Readonly<Record<string, Partial<MixOptions>>> = {
  imatrix: { hasImportance: true },
  pure: { pure: true },
  leave: { leaveOutput: true },
  types: { outputType: 'Q8_0', tokenEmbeddingType: 'Q5_0' },
  rules: {
    rules: [
      { pattern: '/attn_(q|output)/', type: 'q5_k' },
      { pattern: '**ffn_down**', type: 'iq4_nl' },
    ],
  },
};

describe('plans of made-up models', () => {
  it.each(models)('of $name are as llama-quantize makes them', ({ metadata, tensors, plans }) => {
    const all = tensors.flatMap(([name, dtype, shape, first, last]): GgufTensor[] =>
      first === undefined
        ? [{ name, dtype, shape }]
        : Array.from({ length: last! - first + 1 }, (_, i) => ({
            name: name.replace('#', String(first + i)),
            dtype,
            shape,
          })),
    );
    const ordered = inGgufOrder(all);
    const facts = modelFacts((key) => metadata[key]);
    for (const [key, expected] of Object.entries(plans)) {
      const [mix, set = ''] = key.split(' ');
      const options = { pure: false, hasImportance: false, ...optionSets[set] };
      const planned = planTypes(fileTypeNamed(mix!), ordered, facts, options);
      const wanted = Array.from(expected, (letter) => about.types[letters.indexOf(letter)]!);
      const differing = planned.flatMap(({ type }, i) =>
        type === wanted[i] ? [] : [`${ordered[i]!.name}: ${type}, not ${wanted[i]}`],
      );
      expect(differing, key).toEqual([]);
    }
  });

  it('cover every file type', () => {
    const covered = new Set(models.flatMap(({ plans }) => Object.keys(plans)));
    for (const { name } of ggufFileTypes) expect(covered).toContain(name);
  });
});

describe('dry runs of a 386M llama', () => {
  const folder = sharedPath('golden/llama-quantize/dryrun');
  it.skipIf(folder === undefined).each(['Q8_0', 'Q6_K', 'Q4_K_M', 'Q4_K_S', 'Q4_0', 'Q2_K', 'IQ4_NL'])(
    'of %s have the same types and sizes',
    (mix) => {
      const text = readFileSync(path.join(folder!, `synth-f16.${mix}.txt`), 'utf8');
      const rows = [...text.matchAll(planLine)].map((match) => ({
        name: match[1]!,
        shape: match[2]!.split(',').map(Number).toReversed(),
        dtype: match[3]!.toUpperCase(),
        type: (match[6] ?? match[3])!.toUpperCase(),
        mebibytes: Number(match[5] ?? match[4]),
      }));
      expect(rows).toHaveLength(75);
      const metadata: Record<string, FactValue> = { 'general.architecture': 'llama' };
      for (const [, key, value] of text.matchAll(/kv +\d+: +(llama\.\S+) u32 += (\d+)/g))
        metadata[key!] = Number(value);
      const ordered = inGgufOrder(rows);
      expect(ordered).toEqual(rows);
      const planned = planTypes(
        fileTypeNamed(mix),
        ordered,
        modelFacts((key) => metadata[key]),
        {
          pure: false,
          hasImportance: false,
        },
      );
      expect(planned.map(({ type }) => type)).toEqual(rows.map(({ type }) => type));
      const bytes = planned.map(({ type }, i) => bytesIn(type, rows[i]!));
      for (const [i, row] of rows.entries())
        expect(Math.abs(bytes[i]! / 2 ** 20 - row.mebibytes)).toBeLessThan(0.00501);
      const total = bytes.reduce((sum, each) => sum + each, 0) / 2 ** 20;
      expect(total.toFixed(2)).toBe(/quant size += +([\d.]+) MiB/.exec(text)![1]);
    },
  );
});

/** "[ 1/ 75] output.weight - [ 2048, 8192, 1, 1], type = f16, size = 32.00 MiB -> 13.12 MiB (q6_K)" */
const planLine =
  /^\[ *\d+\/ *\d+\] (\S+) +- \[([\d, ]+)\], type = +(\w+), size = +([\d.]+) MiB(?: -> +([\d.]+) MiB \((\w+)\))?/gm;

describe('file types', () => {
  it('are found in either case and by their short names', () => {
    expect(fileTypeNamed('q4_k_m').number).toBe(15);
    expect(fileTypeNamed('Q4_K').name).toBe('Q4_K_M');
    expect(findFileType('int8-absmax')).toBeUndefined();
    expect(() => fileTypeNamed('q9_z')).toThrow(/no GGUF file type "q9_z"/);
  });

  it('refuse what cannot be, naming the tensor or the option', () => {
    const facts = modelFacts((key) => ({ 'general.architecture': 'llama', 'llama.expert_count': 4 })[key]);
    const expert = { name: 'mtp.ffn_down.weight', dtype: 'F16', shape: [256, 256] };
    const options = { pure: false, hasImportance: false };
    expect(() => planTypes(fileTypeNamed('Q4_K_M'), [expert], facts, options)).toThrow(/mtp\.ffn_down/);
    expect(() => planTypes(fileTypeNamed('Q4_0'), [expert], facts, { ...options, outputType: 'q9' })).toThrow(
      /"q9"/,
    );
  });
});
