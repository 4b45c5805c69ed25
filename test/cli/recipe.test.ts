import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { demo, root, run, temporaryFolder } from './cliRun';

const example = path.join(root, 'examples/mixed-int4.loupe.json');
const work = temporaryFolder();

function recipeFile(name: string, content: unknown): string {
  const file = path.join(work, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

describe('quantize --recipe', () => {
  it('shows in a dry run what each tensor becomes, and writes what it showed', () => {
    const out = path.join(work, 'out');
    const dry = run('quantize', demo, '--recipe', example, '--out', out, '--dry-run');
    expect(dry.status).toBe(0);
    expect(existsSync(out)).toBe(false);
    const line = (name: string) => dry.stdout.split('\n').find((text) => text.startsWith(name));
    // 4-bit codes, a BF16 scale for each block, the shape as two 64-bit numbers.
    expect(line('model.layers.1.mlp.up_proj.weight')).toMatch(
      new RegExp(`BF16 +INT4 +${(768 * 256) / 2 + (2 * 768 * 256) / 128 + 16} *$`),
    );
    expect(line('model.layers.1.mlp.down_proj.weight')).toMatch(
      new RegExp(`BF16 +INT8 +${256 * 768 + 2 * 256 + 16} *$`),
    );
    expect(line('lm_head.weight')).toMatch(/kept: output head/);
    expect(dry.stdout).toContain('Dry run: nothing was written.');
    const wet = run('quantize', demo, '--recipe', example, '--out', out, '--json');
    expect(wet.status).toBe(0);
    const record = JSON.parse(readFileSync(path.join(out, 'loupe-recipe.json'), 'utf8'));
    expect(record.source[0].sha256).toBe(
      createHash('sha256')
        .update(readFileSync(path.join(demo, 'model.safetensors')))
        .digest('hex'),
    );
    const rows = JSON.parse(run('error', demo, '--recipe', example, '--json').stdout);
    expect(rows.tensors).toEqual(JSON.parse(wet.stdout).tensors);
    expect(rows.recipe.name).toBe('mixed-int4');
  });

  it('warns of a pattern that matches nothing, and goes on', () => {
    const file = recipeFile('idle.loupe.json', {
      version: 1,
      default: { scheme: 'int8-absmax' },
      rules: [{ match: 'model.layer.*', choice: 'keep' }],
    });
    const { status, stdout } = run('quantize', demo, '--recipe', file, '--dry-run');
    expect(status).toBe(0);
    expect(stdout).toContain("warning: No tensor's name matches model.layer.*.");
  });

  it.each([
    ['a recipe that is not there', () => path.join(work, 'gone.loupe.json'), 3, /no recipe/],
    ['what is no JSON', () => recipeFile('broken.loupe.json', '{"version": 1,'), 3, /no JSON/],
    [
      'an unknown option, by its place',
      () => recipeFile('unknown.loupe.json', { version: 1, default: { scheme: 'nf4', bits: 4 } }),
      3,
      /default\.bits: There is no member/,
    ],
    [
      'what no layout can express, by tensor',
      () =>
        recipeFile('mixed.loupe.json', {
          version: 1,
          default: { scheme: 'int4-absmax' },
          rules: [{ match: 'lm_head.weight', choice: { scheme: 'nf4' } }],
        }),
      3,
      /cannot be in one model[\s\S]*tensor /,
    ],
  ])('refuses %s', (_what, file, status, reason) => {
    const out = path.join(work, 'never');
    const result = run('quantize', demo, '--recipe', file(), '--out', out);
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(reason);
    expect(existsSync(out)).toBe(false);
  });

  it('takes no scheme beside a recipe, and needs one of them', () => {
    const both = run('quantize', demo, '--recipe', example, '--scheme', 'nf4');
    expect([both.status, both.stderr]).toEqual([2, expect.stringContaining('exclude each other')]);
    const none = run('error', demo);
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('--scheme or --recipe')]);
    expect(run('stats', demo, '--recipe', example).status).toBe(2);
  });
});
