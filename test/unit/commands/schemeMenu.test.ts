import { describe, expect, it } from 'vitest';
import { variantsWith } from '../../../src/commands/optionMenu';
import { dequantizedItems, schemeItems, variantsOf } from '../../../src/commands/schemeMenu';
import { resolveChoice } from '../../../src/quant/choice';
import { schemeNamed, schemes } from '../../../src/quant/schemes';
import { isWritable, mediumOf } from '../../../src/quant/writable';

const names = (mode: 'quantize' | 'preview') => schemeItems(mode).map(({ value }) => value.name);

describe('the menus of schemes', () => {
  it('offer to preview every scheme, and to write those that a layout holds', () => {
    expect(names('preview')).toEqual(expect.arrayContaining(['int3-absmax', 'ternary', 'llm-int8', 'nf4']));
    expect(names('preview')).toEqual(schemes.map(({ name }) => name));
    // f8-e5m2 is written without scales only.
    expect(names('quantize')).toEqual([
      ...[
        'int8-absmax',
        'int8-zeropoint',
        'int4-absmax',
        'int4-zeropoint',
        'nf4',
        'fp4',
        'f8-e4m3',
        'f8-e5m2',
      ],
      ...['f16', 'bf16', 'mxfp4', 'mxfp8', 'nvfp4', 'bnb-int8'],
      ...['prune-magnitude', 'prune-nm', 'prune-rows', 'prune-columns', 'prune-heads', 'prune-layers'],
    ]);
  });

  it('begin with INT8 by rows and tensors, as they always have', () => {
    const items = schemeItems('quantize');
    expect(items.slice(0, 2).map(({ label }) => label)).toEqual(['INT8 absmax', 'INT8 zero-point']);
    expect(
      variantsOf(items[0]!.value)
        .slice(0, 2)
        .map(({ label }) => label),
    ).toEqual(['Per row', 'Per tensor']);
  });

  it('offer variants that exist, with names of their own', () => {
    for (const { value: scheme } of schemeItems('preview')) {
      const variants = variantsOf(scheme);
      expect(variants.length).toBeGreaterThan(0);
      expect(new Set(variants.map(({ label }) => label)).size).toBe(variants.length);
      for (const { value } of variants) expect(resolveChoice(value)).toMatchObject(value);
    }
    expect(variantsOf(schemeNamed('nf4')).map(({ label }) => label)).toEqual([
      'Per block of 64',
      'Per block of 64, scales quantized',
      'Per block of 32',
      'Per block of 32, scales quantized',
      'Per block of 128',
      'Per block of 128, scales quantized',
    ]);
    const writable = variantsOf(schemeNamed('int4-absmax')).filter(({ value }) => isWritable(value));
    expect(writable.map(({ label }) => label)).toEqual([
      'Per row',
      'Per tensor',
      'Per block of 128',
      'Per block of 32',
      'Per block of 64',
    ]);
  });

  it('offer for an ONNX model what its graph can hold, and the others dequantized, with the reason', () => {
    expect([mediumOf('/a/net.onnx'), mediumOf('/a/model.safetensors')]).toEqual(['onnx', 'safetensors']);
    const onnx = schemeItems('quantize', 'onnx').map(({ value }) => value.name);
    expect(onnx).toEqual(
      expect.arrayContaining(['int8-absmax', 'int4-zeropoint', 'int2-absmax', 'nf4', 'f16']),
    );
    for (const name of ['int3-absmax', 'f8-e4m3', 'mxfp4', 'nvfp4', 'bnb-int8', 'ternary'])
      expect(onnx).not.toContain(name);
    const described = new Map(
      schemeItems('quantize', 'onnx').map(({ value, description }) => [value.name, description]),
    );
    expect(described.get('int8-absmax')).toBe('DequantizeLinear, MatMulNBits');
    expect(described.get('nf4')).toBe('MatMulBnb4');
    expect(described.get('f16')).toBe('Cast');
    const dequantized = dequantizedItems('quantize', 'onnx');
    const others = schemeItems('preview').filter(({ value }) => value.family !== 'ggml');
    expect([...onnx, ...dequantized.map(({ value }) => value.name)].sort()).toEqual(
      others.map(({ value }) => value.name).sort(),
    );
    for (const { value, refused, description, detail } of dequantized) {
      expect([refused, description]).toEqual([undefined, 'as dequantized values']);
      expect(detail).toMatch(/^[A-Z].{15,}\.$/);
      expect(detail).not.toContain('"fake"');
      const variants = variantsWith(value, 'onnx', { output: 'fake' }, 'quantize');
      expect(variants.length).toBe(variantsOf(value).length);
    }
    expect(dequantized.find(({ value }) => value.name === 'mxfp4')!.detail).toBe(
      'ONNX Runtime has no operator for MXFP4.',
    );
    // Double quantization has no operator, so its variants are left out.
    const nf4 = variantsOf(schemeNamed('nf4')).filter(({ value }) => isWritable(value, 'onnx'));
    expect(nf4.map(({ label }) => label)).toEqual(['Per block of 64', 'Per block of 32', 'Per block of 128']);
  });

  it('are written dequantized where no layout of a safetensors model holds them', () => {
    const dequantized = dequantizedItems('quantize', 'safetensors');
    const names = dequantized.map(({ value }) => value.name);
    for (const name of ['int3-absmax', 'int6-zeropoint', 'ternary', 'llm-int8'] as const)
      expect(names).toContain(name);
    const all = schemeItems('preview').filter(({ value }) => value.family !== 'ggml');
    const held = schemeItems('quantize', 'safetensors').filter(({ value }) => value.family !== 'ggml');
    expect([...names, ...held.map(({ value }) => value.name)].sort()).toEqual(
      all.map(({ value }) => value.name).sort(),
    );
    for (const { value, refused, detail } of dequantized) {
      expect(refused).toBeUndefined();
      expect(detail).toMatch(/^[A-Z].{15,}\.$/);
      const variants = variantsWith(value, 'safetensors', { output: 'fake' }, 'quantize');
      expect(variants.length).toBe(variantsOf(value).length);
    }
    for (const medium of ['safetensors', 'onnx'] as const)
      expect(dequantizedItems('preview', medium)).toEqual([]);
  });
});
