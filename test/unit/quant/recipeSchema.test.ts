import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recipeSchema } from '../../../src/quant/recipeSchema';
import { schemes } from '../../../src/quant/schemes';

describe('media/recipe.schema.json', () => {
  it('is what the scheme registry gives (node scripts/recipeSchema.mjs writes it)', () => {
    const written: unknown = JSON.parse(readFileSync('media/recipe.schema.json', 'utf8'));
    expect(written).toEqual(JSON.parse(JSON.stringify(recipeSchema())));
  });

  it('names every scheme with a sentence on it', () => {
    const text = readFileSync('media/recipe.schema.json', 'utf8');
    for (const { name, label } of schemes) {
      expect(text).toContain(`"${name}"`);
      expect(text).toContain(label);
    }
  });

  it('is what files named *.loupe.json are checked against', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(manifest.contributes.jsonValidation).toEqual([
      { fileMatch: '*.loupe.json', url: './media/recipe.schema.json' },
    ]);
  });
});
