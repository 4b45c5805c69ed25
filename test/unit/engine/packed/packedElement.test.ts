import { describe, expect, it } from 'vitest';
import { f32Data } from '../../../fixtures/makeCheckpoint';
import { type PackedFixture, packDense, tensor } from '../../../fixtures/packedWeights';
import { sizeOf, startPackedReading } from './packedSupport';

const { engine, write } = startPackedReading();

describe('one value', () => {
  const partsOf = async (fixture: PackedFixture, row: number, column: number) => {
    const path = write(fixture);
    const { value, stored, block } = await engine.call('element', { path, tensor: 0, row, column });
    const width = sizeOf(fixture.shape).columns;
    expect(value).toBe(fixture.values[row * width + column]! + 0);
    const { elements, index, position, parts, text } = block!;
    const named = Object.fromEntries(parts.map((part) => [part.name, Number(part.text)]));
    return { bits: stored!.bits, elements, index, position, named, text };
  };

  it('is told with its code, its scale, and the group that shares it', async () => {
    const outputs = 8;
    const inputs = 16;
    const codes = Array.from({ length: inputs * outputs }, (_, i) => i % 16);
    const down = inputs / 8;
    const words = new Uint32Array(packDense(codes, 4).buffer);
    // Word g of output n goes to [g][n].
    const turned = Uint32Array.from(words, (_, i) => words[(i % outputs) * down + Math.floor(i / outputs)]!);
    const got = await partsOf(
      {
        tensors: [
          tensor('x.qweight', 'I32', [down, outputs], new Uint8Array(turned.buffer)),
          tensor('x.qzeros', 'I32', [2, 1], packDense(new Array(2 * outputs).fill(6), 4)),
          tensor('x.scales', 'F32', [2, outputs], f32Data(Array.from({ length: 16 }, (_, i) => i / 4))),
        ],
        config: { quantization_config: { bits: 4, group_size: 8 } },
        shape: [outputs, inputs],
        values: Float32Array.from(codes, (code, i) => {
          const [n, k] = [Math.floor(i / inputs), i % inputs];
          return (code - 7) * ((Math.floor(k / 8) * outputs + n) / 4);
        }),
      },
      3,
      9,
    );
    expect(got).toEqual({
      ...{ bits: '1001', elements: 8, index: 7, position: 1 },
      named: { code: 9, 'zero point': 7, scale: 2.75 },
      text: 'GPTQ, code 9: (9 - 7) × 2.75 = 5.5',
    });
  });

  it('is told of signed codes, of tables, and of biases', async () => {
    const signed = await partsOf(
      {
        tensors: [
          tensor('x.weight', 'I8', [2, 2], Uint8Array.of(1, 2, 3, 0x80)),
          tensor('x.SCB', 'F32', [2], f32Data([1, 127])),
        ],
        shape: [2, 2],
        values: Float32Array.of(0, 0, 0, Math.fround(-128 * 127) * Math.fround(1 / 127)),
      },
      1,
      1,
    );
    expect(signed).toMatchObject({
      bits: '10000000',
      named: { code: -128, scale: 127 },
      elements: 2,
      index: 1,
    });
    const table = await partsOf(
      {
        tensors: [
          tensor('x.weight_packed', 'U8', [1, 16], new Uint8Array(16).fill(0x2f)),
          tensor('x.weight_scale', 'U8', [1, 1], Uint8Array.of(128)),
        ],
        shape: [1, 32],
        values: new Float32Array(32).map((_, i) => (i % 2 === 0 ? -12 : 2)),
      },
      0,
      4,
    );
    expect(table.text).toBe('compressed-tensors MXFP4, code 15: -6 × 2 = -12');
    const linear = await partsOf(
      {
        tensors: [
          tensor('x.weight', 'U32', [1, 8], new Uint8Array(32).fill(0x55)),
          tensor('x.scales', 'F32', [1, 1], f32Data([0.5])),
          tensor('x.biases', 'F32', [1, 1], f32Data([-3])),
        ],
        config: { quantization: { bits: 4, group_size: 64 } },
        shape: [1, 64],
        values: new Float32Array(64).fill(-0.5),
      },
      0,
      63,
    );
    expect(linear.text).toBe('MLX affine, code 5: 5 × 0.5 + (-3) = -0.5');
  });
});
