import { describe, expect, it } from 'vitest';
import { mayNameModel, stringAt } from '../../../src/hover/modelReference';

/** Hovers at the `|` in a line. */
function at(marked: string, bareWords = false): string | undefined {
  const column = marked.indexOf('|');
  return stringAt(marked.replace('|', ''), column, bareWords)?.text;
}

describe('stringAt', () => {
  it('finds the quoted string around the cursor', () => {
    expect(at('x = load("mod|els/a.gguf", "b")')).toBe('models/a.gguf');
    expect(at('x = load("models/a.gguf", "|b")')).toBe('b');
    expect(at("x = 'it\\'s |here'")).toBe("it\\'s here");
    expect(at('`tem|plate`')).toBe('template');
  });

  it('finds nothing between and outside strings', () => {
    expect(at('"a" +| "b"')).toBeUndefined();
    expect(at('|x = "a"')).toBeUndefined();
    expect(at('x = "unclosed |string')).toBeUndefined();
    expect(at('""|')).toBeUndefined();
  });

  it('takes bare words only where asked', () => {
    expect(at('model: path/to/mo|del', true)).toBe('path/to/model');
    expect(at('model: path/to/mo|del', false)).toBeUndefined();
    expect(at('mo|del: x', true)).toBeUndefined();
    expect(at('[link](models/a|.gguf)', true)).toBe('models/a.gguf');
  });

  it('gives the columns of the text', () => {
    expect(stringAt('x = "abc"', 6, false)).toEqual({ text: 'abc', start: 5, end: 8 });
  });

  it('leaves minified lines and endless strings alone', () => {
    const line = `${'"a",'.repeat(10_000)}"target"`;
    expect(stringAt(line, line.length - 3, false)?.text).toBe('target');
    expect(stringAt(`${'"a",'.repeat(1_000_000)}"target"`, 6, false)).toBeUndefined();
    expect(stringAt(`"${'x'.repeat(2000)}"`, 1000, false)).toBeUndefined();
  });
});

describe('mayNameModel', () => {
  it('lets paths and Hub-like names through and turns URLs away', () => {
    expect(mayNameModel('models/a')).toBe(true);
    expect(mayNameModel('C:\\models\\a.gguf')).toBe(true);
    expect(mayNameModel('file:///models/a.gguf')).toBe(true);
    expect(mayNameModel('https://example.org/a.gguf')).toBe(false);
    expect(mayNameModel('a\0b')).toBe(false);
  });
});
