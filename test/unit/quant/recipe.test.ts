import { describe, expect, it } from 'vitest';
import { LoupeError } from '../../../src/errors';
import { keepKinds, policyFor } from '../../../src/quant/quantizationPolicy';
import { choiceByName, type Recipe, resolveRecipe } from '../../../src/quant/recipe';
import { mostRecipeCharacters, parseRecipe, readRecipe, recipeText } from '../../../src/quant/recipeFile';
import { schemes } from '../../../src/quant/schemes';

const matrix = (name: string, dtype = 'BF16', shape: readonly number[] = [64, 64]) => ({
  name,
  dtype,
  shape,
});
const tensors = [
  matrix('model.embed_tokens.weight'),
  matrix('model.layers.0.self_attn.q_proj.weight'),
  matrix('model.layers.0.mlp.down_proj.weight'),
  matrix('model.layers.1.mlp.down_proj.weight'),
  matrix('model.layers.1.mlp.gate.weight'),
  matrix('model.norm.weight', 'BF16', [64]),
  matrix('lm_head.weight'),
  matrix('ids.weight', 'I64'),
];
const int4 = { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 } as const;
const int8 = { scheme: 'int8-absmax', granularity: 'row' } as const;
const resolve = (recipe: Omit<Recipe, 'version'>) =>
  resolveRecipe({ version: 1, ...recipe }, tensors, undefined);
const schemesOf = (recipe: Omit<Recipe, 'version'>) =>
  resolve(recipe).tensors.map(({ choice }) => choice?.scheme ?? 'kept');

describe('resolving a recipe', () => {
  it('gives linear weights the default and keeps what the scheme keeps', () => {
    expect(schemesOf({ default: int4, rules: [] })).toEqual([
      'kept',
      'int4-absmax',
      'int4-absmax',
      'int4-absmax',
      'kept',
      'kept',
      'kept',
      'kept',
    ]);
  });

  it('lets the first rule that matches decide, before the keep-list', () => {
    const rules = [
      { match: 'model.layers.0.**', choice: 'keep' },
      { match: '**.down_proj.weight', choice: int8 },
      { match: 'lm_head.weight', choice: int8 },
    ] as const;
    const { tensors: found, rules: counts } = resolve({ default: int4, rules });
    expect(found.map(({ choice }) => choice?.scheme ?? 'kept')).toEqual([
      'kept',
      'kept',
      'kept',
      'int8-absmax',
      'kept',
      'kept',
      'int8-absmax',
      'kept',
    ]);
    expect(found.map(({ rule }) => rule)).toEqual([undefined, 0, 0, 1, undefined, undefined, 2, undefined]);
    expect(counts).toEqual([
      { decided: 2, matches: true },
      { decided: 1, matches: true },
      { decided: 1, matches: true },
    ]);
    expect(found[1]).toMatchObject({ linear: true, reason: 'kept: rule model.layers.0.**' });
  });

  it('tells a rule that matches nothing from one that comes too late', () => {
    const rules = [
      { match: '**', choice: int8 },
      { match: 'lm_head.*', choice: 'keep' },
      { match: '**.nothing', choice: 'keep' },
    ] as const;
    expect(resolve({ default: int4, rules }).rules).toEqual([
      { decided: 8, matches: true },
      { decided: 0, matches: true },
      { decided: 0, matches: false },
    ]);
  });

  it('leaves what cannot be quantized, whatever a rule says', () => {
    const { tensors: found } = resolve({ default: 'keep', rules: [{ match: '**', choice: int8 }] });
    expect(found.at(-1)).toMatchObject({ choice: undefined, reason: expect.stringContaining('I64') });
    expect(found.slice(0, -1).every(({ choice }) => choice === int8)).toBe(true);
  });

  it('lets a keep-list replace that of the scheme', () => {
    expect(schemesOf({ default: int4, rules: [], keep: ['embeddings', 'norms'] })).toEqual([
      'kept',
      'int4-absmax',
      'int4-absmax',
      'int4-absmax',
      'int4-absmax',
      'kept',
      'int4-absmax',
      'kept',
    ]);
    const cast = { scheme: 'f16', granularity: 'none' } as const;
    expect(
      schemesOf({ default: cast, rules: [], keep: ['norms'] }).filter((name) => name === 'kept').length,
    ).toBe(2);
  });

  it('says of a name what the first rule that matches says', () => {
    const rules = [
      { match: '**.down_proj.*', choice: 'keep' },
      { match: '**', choice: int8 },
    ] as const;
    const recipe: Recipe = { version: 1, default: int4, rules: [...rules] };
    expect(choiceByName(recipe, 'a.down_proj.weight')).toBe('keep');
    expect(choiceByName(recipe, 'a.up_proj.weight')).toBe(int8);
    expect(choiceByName({ ...recipe, rules: [] }, 'a.up_proj.weight')).toBe(int4);
  });

  it('gives up on patterns that would take minutes', () => {
    const recipe: Recipe = { version: 1, default: 'keep', rules: [{ match: '/a.*b.*c$/', choice: int8 }] };
    const some = [matrix('ab'.repeat(100))];
    const many = Array.from({ length: 1000 }, () => matrix('ab'.repeat(100)));
    expect(() => resolveRecipe(recipe, some, undefined, 100_000)).not.toThrow();
    expect(() => resolveRecipe(recipe, many, undefined, 100_000)).toThrow(/too long/);
  });
});

describe('the policies', () => {
  it('say of every scheme what it keeps, and name kinds that exist', () => {
    const kinds = keepKinds.map(({ kind }) => kind);
    expect(new Set(kinds).size).toBe(kinds.length);
    for (const { name } of schemes) {
      const { keep, because } = policyFor(name);
      expect(because.length).toBeGreaterThan(20);
      expect(keep.every((kind) => kinds.includes(kind))).toBe(true);
    }
    expect(policyFor('bf16').keep).toEqual([]);
    expect(policyFor('nf4').keep).toContain('head');
  });
});

describe('a recipe file', () => {
  const whole: Recipe = {
    version: 1,
    name: 'mixed',
    model: '../model',
    default: int4,
    keep: ['embeddings', 'head'],
    rules: [
      {
        match: '**.down_proj.weight',
        choice: { scheme: 'int8-zeropoint', granularity: 'row' },
        note: 'outliers',
      },
      { match: '/lm_head/', choice: 'keep' },
    ],
  };

  it('reads back what it wrote', () => {
    const text = recipeText(whole);
    expect(parseRecipe(text)).toEqual(whole);
    expect(recipeText(parseRecipe(text))).toBe(text);
    const imatrix = { file: '../my.imatrix', sha256: '0123456789abcdef'.repeat(4) };
    const weighed: Recipe = { ...whole, default: { scheme: 'iq2_xxs', granularity: 'none' }, imatrix };
    expect(parseRecipe(recipeText(weighed))).toEqual(weighed);
  });

  it('takes a mark of byte order, a schema, and fills in the granularity', () => {
    const text = `\uFEFF${JSON.stringify({ $schema: 'x', version: 1, default: { scheme: 'nf4', blockSize: 128 } })}`;
    expect(parseRecipe(text)).toEqual({
      version: 1,
      default: { scheme: 'nf4', granularity: 'block', blockSize: 128 },
      rules: [],
    });
    expect(parseRecipe('{"version":1,"default":{"scheme":"int8-absmax"}}').default).toEqual(int8);
  });

  const base = { version: 1, default: 'keep' };
  const wrong: readonly [string, unknown, string, RegExp][] = [
    ['no object', [], '', /object is expected/],
    ['null', null, '', /object is expected/],
    ['another version', { ...base, version: 2 }, 'version', /must be 1/],
    ['no version', { default: 'keep' }, '', /version/],
    ['no default', { version: 1 }, '', /choice is "keep"/],
    ['an unknown member', { ...base, extra: 1 }, 'extra', /no member "extra"/],
    ['an unknown scheme', { ...base, default: { scheme: 'int9' } }, 'default.scheme', /one of/],
    [
      'a member of another place',
      { ...base, default: { scheme: 'nf4', match: '*' } },
      'default.match',
      /no member/,
    ],
    [
      'an option that is refused',
      { ...base, default: { scheme: 'f16', clip: 'mse' } },
      'default',
      /clipping/,
    ],
    [
      'a block of another size',
      { ...base, default: { scheme: 'nf4', blockSize: 100 } },
      'default',
      /block size/i,
    ],
    [
      'text for a number',
      { ...base, default: { scheme: 'nf4', blockSize: '64' } },
      'default.blockSize',
      /whole/,
    ],
    ['a rule without a pattern', { ...base, rules: [{ choice: 'keep' }] }, 'rules.0', /pattern/],
    ['a rule without a choice', { ...base, rules: [{ match: '*' }] }, 'rules.0', /choice/],
    [
      'a pattern that is none',
      { ...base, rules: [{ match: '/(/', choice: 'keep' }] },
      'rules.0.match',
      /closed/,
    ],
    ['rules that are no list', { ...base, rules: {} }, 'rules', /list/],
    ['too many rules', { ...base, rules: Array(1001).fill({ match: '*', choice: 'keep' }) }, 'rules', /1000/],
    ['a kind that is unknown', { ...base, keep: ['heads'] }, 'keep.0', /no kind/],
    ['a kind twice', { ...base, keep: ['head', 'head'] }, 'keep.1', /twice/],
    ['a model on another host', { ...base, model: '//host/share' }, 'model', /relative/],
    ['a model by its drive', { ...base, model: 'C:/models' }, 'model', /relative/],
    [
      'a matrix without a file',
      { ...base, default: { scheme: 'q4_k' }, imatrix: { sha256: '0'.repeat(64) } },
      'imatrix',
      /needs its file/,
    ],
    [
      'a matrix by an absolute path',
      { ...base, default: { scheme: 'q4_k' }, imatrix: { file: '/etc/passwd' } },
      'imatrix.file',
      /relative/,
    ],
    [
      'a hash that is none',
      { ...base, default: { scheme: 'q4_k' }, imatrix: { file: 'a.gguf', sha256: 'abc' } },
      'imatrix.sha256',
      /64 digits/,
    ],
    ['a matrix for nothing', { ...base, imatrix: { file: 'a.gguf' } }, 'imatrix', /ggml/],
    ['a name that is a number', { ...base, name: 4 }, 'name', /text/],
    ['a ratio beyond 1', { ...base, default: { scheme: 'prune-rows', ratio: 2 } }, 'default.ratio', /0 to 1/],
  ];
  it.each(wrong)('refuses %s', (_what, value, place, reason) => {
    const { recipe, problems } = readRecipe(JSON.stringify(value));
    expect(recipe).toBeUndefined();
    expect(problems[0]!.path.join('.')).toBe(place);
    expect(problems[0]!.message).toMatch(reason);
  });

  it('names file, place and reason, and how many more there are', () => {
    const text = '{"version":1,"default":{"scheme":"nf4","blockSize":-1},"rules":[{"match":""}]}';
    const thrown = (() => {
      try {
        return parseRecipe(text, '/r.loupe.json');
      } catch (error) {
        return error as LoupeError;
      }
    })();
    expect(thrown).toBeInstanceOf(LoupeError);
    expect(thrown).toMatchObject({ code: 'malformed', file: '/r.loupe.json' });
    expect((thrown as LoupeError).message).toMatch(/default\.blockSize: .*\(and 2 more\)/);
  });

  it('refuses what is no JSON, too long, or named like a member of every object', () => {
    expect(() => parseRecipe('{')).toThrow(/no JSON/);
    expect(() => parseRecipe(' '.repeat(mostRecipeCharacters + 1))).toThrow(/characters/);
    expect(() => parseRecipe('{"version":1,"default":"keep","__proto__":{"a":1}}')).toThrow(/__proto__/);
    expect(() => parseRecipe(`${'['.repeat(100_000)}`)).toThrow(/no JSON/);
  });
});
