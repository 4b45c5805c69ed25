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
      scheme: 'int8-absmax',
      granularity: 'tensor',
      out: 'o',
      backend: 'ort-cpu',
      scaleDtype: 'BF16',
      dryRun: true,
      overwrite: true,
      pure: true,
      json: true,
    });
  });

  it('takes rows, automatic backend and the weight’s own scale type by default', () => {
    expect(parseOptions(['error', 'm', '--scheme', 'int8-zeropoint'])).toMatchObject({
      granularity: 'row',
      backend: 'auto',
      scaleDtype: undefined,
      pure: false,
      grid: undefined,
    });
  });

  it.each([
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
