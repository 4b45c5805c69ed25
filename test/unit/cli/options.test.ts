import { describe, expect, it } from 'vitest';
import { globPattern, parseOptions } from '../../../src/cli/options';
import { figure, printable, textTable } from '../../../src/cli/textTable';
import { LoupeError } from '../../../src/errors';

describe('parseOptions', () => {
  it('reads every option of quantize', () => {
    const args =
      'quantize m --scheme INT8-ABSMAX --granularity tensor --out o --backend ort-cpu --scale-dtype bf16 --dry-run --overwrite --pure --json';
    expect(parseOptions(args.split(' '))).toMatchObject({
      command: 'quantize',
      path: 'm',
      choice: { scheme: 'int8-absmax', granularity: 'tensor', scaleDtype: 'BF16' },
      out: 'o',
      backend: 'ort-cpu',
      dryRun: true,
      overwrite: true,
      pure: true,
      json: true,
    });
  });

  it('takes rows, automatic backend and the weight’s own scale type by default', () => {
    expect(parseOptions(['error', 'm', '--scheme', 'int8-zeropoint'])).toMatchObject({
      choice: { granularity: 'row' },
      backend: 'auto',
      pure: false,
      grid: undefined,
    });
  });

  it('reads the options of schemes, and leaves out what was not given', () => {
    const choice = (text: string) => {
      const options = parseOptions(['error', 'm', '--scheme', ...text.split(' ')]);
      return options === 'help' ? undefined : options.choice;
    };
    expect(choice('nf4 --double-quant --block 128')).toEqual({
      scheme: 'nf4',
      granularity: 'block',
      blockSize: 128,
      doubleQuant: true,
    });
    expect(choice('int4-zeropoint --block 32 --clip hqq --output fake')).toEqual({
      scheme: 'int4-zeropoint',
      granularity: 'block',
      blockSize: 32,
      clip: 'hqq',
      output: 'fake',
    });
    expect(choice('int8-absmax --prune magnitude --ratio 0.3')).toMatchObject({
      prune: 'magnitude',
      ratio: 0.3,
    });
    expect(choice('int8-absmax --nm 2:4')).toMatchObject({ prune: 'nm', keep: 2, of: 4 });
    expect(choice('prune-nm --nm 1:2')).toEqual({ scheme: 'prune-nm', granularity: 'none', keep: 1, of: 2 });
    expect(choice('llm-int8 --outliers 6')).toMatchObject({ granularity: 'row', outlierThreshold: 6 });
  });

  it.each([
    [['error', 'a', '--scheme', 'int9-absmax']],
    [['error', 'a', '--scheme', 'nf4', '--block', 'many']],
    [['error', 'a', '--scheme', 'prune-nm', '--nm', '2/4']],
    [['stats', 'a', '--prune', 'rows']],
    [['inspect']],
    [['inspect', 'a', 'b']],
    [['inspect', 'a', '--nonsense']],
    [['inspect', 'a', '--channels']],
    [['quantize', 'a']],
    [['error', 'a', '--scheme', 'int8-absmax', '--grid', '0x4']],
    [['error', 'a', '--scheme', 'int8-absmax', '--grid', '99999x99999']],
  ])('refuses %j as wrong usage', (args) => {
    expect(() => parseOptions(args)).toThrowError(
      expect.toSatisfy((error: unknown) => error instanceof LoupeError && error.code === 'usage'),
    );
  });

  it('asks for the usage without arguments', () => {
    expect(parseOptions([])).toBe('help');
    expect(parseOptions(['inspect', '--help'])).toBe('help');
  });
});

describe('globPattern', () => {
  it('knows * and ?, and takes the rest literally', () => {
    expect(globPattern('*layers.1.*').test('model.layers.1.mlp')).toBe(true);
    expect(globPattern('*layers.1.*').test('model.layers.11.mlp')).toBe(false);
    expect(globPattern('a?c').test('abc')).toBe(true);
    expect(globPattern('a.c').test('abc')).toBe(false);
    expect(globPattern('a[b]').test('a[b]')).toBe(true);
  });
});

describe('text', () => {
  it('aligns columns', () => {
    expect(
      textTable(
        [{ title: 'a' }, { title: 'n', align: 'right' }],
        [
          ['long', '1'],
          ['b', '22'],
        ],
      ),
    ).toBe('a      n\nlong   1\nb     22');
  });

  it('keeps control characters of names away from the terminal', () => {
    expect(printable('a\x1b[31mb\n')).toBe('a\\x1b[31mb\\x0a');
  });

  it('writes figures to four digits', () => {
    expect([
      figure(null),
      figure(0),
      figure(12),
      figure(0.123456),
      figure(1.5e-9),
      figure(1234567.8),
    ]).toEqual(['—', '0', '12', '0.1235', '1.500e-9', '1.235e+6']);
  });
});
