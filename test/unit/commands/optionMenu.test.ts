import { describe, expect, it } from 'vitest';
import {
  type OptionName,
  type Options,
  optionAnswers,
  optionLines,
  optionsItem,
  typedText,
  variantsWith,
  withTyped,
} from '../../../src/commands/optionMenu';
import { resolveChoice } from '../../../src/quant/choice';
import { headSizeOf } from '../../../src/quant/pruning/attentionHeads';
import { schemeNamed, schemes } from '../../../src/quant/schemes';

const [zeropoint, nf4, pruneRows] = [
  schemeNamed('int4-zeropoint'),
  schemeNamed('nf4'),
  schemeNamed('prune-rows'),
];
const lines = (scheme: typeof nf4, own: Options = {}) =>
  optionLines(scheme, 'safetensors', own).map(({ label, current }) => `${label}: ${current}`);
const answers = (name: OptionName, scheme: typeof nf4, own: Options = {}) =>
  optionAnswers(name, scheme, 'safetensors', own, 'quantize');

describe('options of a scheme in the dialogs', () => {
  it('are those that the scheme takes, with what holds now', () => {
    expect(lines(zeropoint)).toEqual([
      'Scale: from the extremes',
      "Scales stored as: the weight's type",
      'Prune first: nothing',
      "Output: the scheme's layout",
      'Output head: kept',
    ]);
    expect(lines(nf4, { prune: 'nm', keep: 1, of: 4, output: 'fake', pure: true })).toEqual([
      'Prune first: 1:4',
      'Output: dequantized values',
      'Output head: quantized, too',
    ]);
    expect(lines(pruneRows, { ratio: 0.25 })).toEqual(['Prune: rows, 25 %', 'Output head: kept']);
    expect(lines(schemeNamed('llm-int8'), { outlierThreshold: 6 })[0]).toBe('Outlier columns: from 6 on');
    expect(lines(schemeNamed('f8-e4m3'))[0]).toBe('Beyond the largest number: saturate');
  });

  it('stand in one line beside the granularities, those that were changed by name', () => {
    expect(optionsItem('more', zeropoint, 'safetensors', {})).toMatchObject({
      description: '',
      detail: 'Clipping, type of the scales, pruning, form of the output, output head',
    });
    expect(
      optionsItem('more', zeropoint, 'safetensors', { clip: 'mse', prune: 'magnitude', ratio: 0.3 })
        .description,
    ).toBe('Scale: of least squared error \u00b7 Prune first: magnitude, 30 %');
  });

  it('say why they cannot be written, until dequantized values are asked for', () => {
    const hqq = (own: Options) => answers('clip', zeropoint, own).find(({ label }) => label.includes('HQQ'))!;
    expect(hqq({})).toMatchObject({
      refused: true,
      detail:
        'Cannot be written: Half-quadratic zero points are no integers, as the layout needs. Choose dequantized values as the output first.',
    });
    expect(hqq({ output: 'fake' }).refused).toBeUndefined();
    const [layout] = answers('output', zeropoint, { clip: 'hqq', output: 'fake' });
    expect(layout!.refused).toBe(true);
    // Previews take everything.
    const previewed = optionAnswers('clip', zeropoint, 'safetensors', {}, 'preview');
    expect(previewed.some(({ refused }) => refused)).toBe(false);
  });

  it('leave out granularities that do not go with them', () => {
    const kinds = (own: Options) =>
      new Set(variantsWith(zeropoint, 'safetensors', own, 'preview').map(({ value }) => value.granularity));
    expect([...kinds({})]).toEqual(['row', 'tensor', 'column', 'block']);
    expect([...kinds({ clip: 'hqq' })]).toEqual(['row', 'block']);
    const written = variantsWith(zeropoint, 'safetensors', {}, 'quantize');
    expect(written.map(({ value }) => value.granularity)).not.toContain('column');
  });

  it('make choices that every scheme takes, whatever is answered', () => {
    let checked = 0;
    for (const scheme of schemes.filter(({ family }) => family !== 'ggml'))
      for (const { name } of optionLines(scheme, 'safetensors', {}))
        for (const { value, refused } of optionAnswers(name, scheme, 'safetensors', {}, 'preview')) {
          expect(refused).toBeUndefined();
          const typed = { ratio: '50%', pattern: '1:4', threshold: '6', factor: '4', headSize: '32' };
          const options = value.ask ? withTyped(value.ask, typed[value.ask], value.options) : value.options;
          expect(typeof options).toBe('object');
          for (const variant of variantsWith(scheme, 'safetensors', options as Options, 'preview')) {
            resolveChoice(variant.value);
            checked++;
          }
        }
    expect(checked).toBeGreaterThan(500);
  });

  it('take numbers as they are typed, or say what is wrong with them', () => {
    expect(withTyped('ratio', ' 30 % ', {})).toEqual({ ratio: 0.3 });
    expect(withTyped('ratio', '.75', {})).toEqual({ ratio: 0.75 });
    expect(withTyped('pattern', '2 : 8', { prune: 'nm' })).toEqual({ prune: 'nm', keep: 2, of: 8 });
    expect(withTyped('threshold', '6.5', {})).toEqual({ outlierThreshold: 6.5 });
    for (const [what, text] of [
      ['ratio', '101%'],
      ['ratio', 'half'],
      ['pattern', '5:4'],
      ['pattern', '0:4'],
      ['factor', '0'],
      ['factor', '5%'],
      ['threshold', ''],
      ['headSize', '0'],
      ['headSize', '12.5'],
    ] as const)
      expect(withTyped(what, text, {})).toMatch(/^Type /);
  });

  it('prune attention heads of the size that the model tells, or of another', () => {
    const int8 = schemeNamed('int8-absmax');
    const answers = optionAnswers('prune', int8, 'safetensors', { clip: 'mse' }, 'quantize', 32);
    const heads = answers.find(({ label }) => label.startsWith('Whole attention heads'))!;
    expect(heads.value).toEqual({ options: { clip: 'mse', prune: 'heads', headSize: 32 }, ask: 'ratio' });
    const chosen = withTyped('ratio', '25%', heads.value.options) as Options;
    expect(lines(int8, chosen)).toEqual(
      expect.arrayContaining(['Prune first: heads, 25 %', 'Rows of a head: 32']),
    );
    expect(withTyped('headSize', ' 128 ', chosen)).toEqual({ ...chosen, headSize: 128 });
    // Other ways of pruning take no size.
    const [none, , nm] = optionAnswers('prune', int8, 'safetensors', chosen, 'quantize', 32);
    expect([none!.value.options.headSize, nm!.value.options.headSize]).toEqual([undefined, undefined]);
    expect(lines(schemeNamed('prune-heads'), { headSize: 32 })).toContain('Rows of a head: 32');
    expect(typedText('headSize', 32).value).toBe('32');
    expect(headSizeOf({ config: { head_dim: 128 }, architecture: { hiddenSize: 1024, heads: 16 } })).toBe(
      128,
    );
    expect(headSizeOf({ config: {}, architecture: { hiddenSize: 1024, heads: 16 } })).toBe(64);
    const odd = { config: { head_dim: 'many' }, architecture: { hiddenSize: 100, heads: 16 } };
    expect(headSizeOf(odd)).toBeUndefined();
    expect(headSizeOf({})).toBeUndefined();
  });
});
