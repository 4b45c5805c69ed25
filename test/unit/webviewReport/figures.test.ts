import { describe, expect, it } from 'vitest';
import {
  count,
  duration,
  figure,
  fixed,
  ordinal,
  padded,
  shapeText,
  size,
} from '../../../webview-ui/views/report/figures';

const group = new Intl.NumberFormat().format(1234).replace(/\d/g, '');
const point = new Intl.NumberFormat().format(0.5).replace(/\d/g, '');

describe('figures', () => {
  it('keep few digits and a true minus sign', () => {
    expect(figure(-3.390625)).toBe(`\u22123${point}391`);
    expect(figure(0.0461234)).toBe(`0${point}04612`);
    expect(figure(0)).toBe('0');
    expect(figure(-0.00000342)).toBe('\u22123.42e\u22126');
    expect(figure(3e-7)).toBe('3e\u22127');
    expect(figure(Number.NEGATIVE_INFINITY)).toBe('\u2212\u221e');
    expect(figure(Number.NaN)).toBe('NaN');
  });

  it('fixed keeps its decimals', () => {
    expect(fixed(14, 1)).toBe(`14${point}0`);
    expect(fixed(-0.56, 1)).toBe(`\u22120${point}6`);
  });

  it('sizes are binary', () => {
    expect(size(0)).toBe('0 bytes');
    expect(size(1)).toBe('1 byte');
    expect(size(1024)).toBe(`1${point}00 KiB`);
    expect(size(6_590_976)).toBe(`6${point}29 MiB`);
    expect(size(700 * 1024 ** 3)).toBe('700 GiB');
  });

  it('shapes, counts, ordinals and durations read well', () => {
    expect(shapeText([256, 768])).toBe('256 \u00d7 768');
    expect(shapeText([])).toBe('scalar');
    expect(count(3295488)).toBe(`3${group}295${group}488`);
    expect([1, 2, 3, 4, 11, 12, 21, 112].map(ordinal).join(' ')).toBe('1st 2nd 3rd 4th 11th 12th 21st 112th');
    expect(duration(0.0421)).toBe('42 ms');
    expect(duration(2.34)).toBe(`2${point}3 s`);
    expect(duration(95)).toBe('1 min 35 s');
  });
});

it('padded keeps its significant digits', () => {
  expect(padded(0.015, 3)).toBe(`0${point}0150`);
  expect(padded(2e-6, 3)).toBe(`2${point}0e\u22126`);
  expect(padded(-9.44e-7, 3)).toBe(`\u22129${point}4e\u22127`);
  expect(padded(0, 3)).toBe('0');
});
