import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonPlaces } from '../../../src/editor/jsonPlaces';

const text = '{ "a": [1, {"b\\"c": "x]y"}, []],\n "d": null, "e": {} }';
const slice = (...path: (string | number)[]) => {
  const { start, end } = jsonPlaces(text)(path);
  return text.slice(start, end);
};

describe('places in a JSON text', () => {
  it('are those of the values', () => {
    expect(slice()).toBe(text);
    expect(slice('a')).toBe('[1, {"b\\"c": "x]y"}, []]');
    expect(slice('a', 0)).toBe('1');
    expect(slice('a', 1, 'b"c')).toBe('"x]y"');
    expect(slice('a', 2)).toBe('[]');
    expect(slice('d')).toBe('null');
  });

  it('fall back to what would hold a value that is missing', () => {
    expect(slice('e', 'gone')).toBe('{}');
    expect(slice('a', 7)).toBe(slice('a'));
  });

  it('hold the values that JSON.parse gives, for any value', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 12 }), fc.constantFrom(0, 1, 4), (source, indent) => {
        const value = JSON.parse(source);
        const printed = JSON.stringify(value, undefined, indent);
        const place = jsonPlaces(printed);
        const check = (own: unknown, path: (string | number)[]): void => {
          const { start, end } = place(path);
          expect(JSON.parse(printed.slice(start, end))).toEqual(own);
          if (typeof own !== 'object' || own === null || path.length >= 8) return;
          for (const [key, inner] of Object.entries(own))
            check(inner, [...path, Array.isArray(own) ? Number(key) : key]);
        };
        check(value, []);
      }),
    );
  });

  it('end for what is no JSON', () => {
    for (const broken of ['', '{', '[[[', '{"a"', '}', '"', '{"a":,}', ':'.repeat(50)]) {
      expect(jsonPlaces(broken)(['a']).end).toBeLessThanOrEqual(broken.length + 1);
    }
  });

  it('are found in values nested without end', () => {
    const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)},"b":1}`;
    expect(deep.slice(...(Object.values(jsonPlaces(deep)(['b'])) as [number, number]))).toBe('1');
  });
});
