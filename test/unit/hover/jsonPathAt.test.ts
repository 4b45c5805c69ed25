import { describe, expect, it } from 'vitest';
import { jsonMemberAt } from '../../../src/hover/jsonPathAt';

/** The path at the `|`. */
function at(marked: string): string | undefined {
  const offset = marked.indexOf('|');
  return jsonMemberAt(marked.replace('|', ''), offset)?.path.join('/');
}

describe('jsonMemberAt', () => {
  it('finds members by their names and values', () => {
    expect(at('{"a|b": 1}')).toBe('ab');
    expect(at('{"ab": 1|2}')).toBe('ab');
    expect(at('{"ab": "x|y", "c": 1}')).toBe('ab');
    expect(at('{"ab": 1, "c": tr|ue}')).toBe('c');
    expect(at('{"ab": 12|, "c": 1}')).toBe('ab');
    expect(at('{"a\\"|b": 1}')).toBe('a\\"b');
  });

  it('finds nested members', () => {
    expect(at('{"a": {"b": 1, "c|": 2}, "d": 3}')).toBe('a/c');
    expect(at('{"a": {"b": 1}, "d|": 3}')).toBe('d');
    expect(at('{"a": ["x", "y|"], "d": 3}')).toBe('a');
    expect(at('{"a": [{"b": {"c": 5|5}}]}')).toBe('a/b/c');
  });

  it('finds nothing outside of members, and gives up on hostile texts', () => {
    expect(at('| {"a": 1}')).toBeUndefined();
    expect(at('["|x"]')).toBeUndefined();
    expect(at('{"a": 1} |')).toBeUndefined();
    expect(at('')).toBeUndefined();
    expect(jsonMemberAt('['.repeat(100_000), 90_000)).toBeUndefined();
    expect(jsonMemberAt('}'.repeat(1000), 900)).toBeUndefined();
    expect(jsonMemberAt('"'.repeat(1001), 1000)).toBeUndefined();
  });

  it('gives where the name stands', () => {
    const text = '{ "hidden_size": 4096 }';
    const found = jsonMemberAt(text, 20)!;
    expect(text.slice(found.start, found.end)).toBe('"hidden_size"');
  });
});
