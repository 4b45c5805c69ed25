/** Everything about one element: its bits, its exact value, its block, and what other types would make of it. */
import { blockPicture } from '../../numeric/blockPicture';
import { convertedNumbers, float32Picture } from '../../numeric/convertedNumber';
import { findDtype } from '../../numeric/dtypes';
import { layoutBits, type NumberLayout, numberLayouts } from '../../numeric/numberLayout';
import { type NumberPicture, numberPicture } from '../../numeric/numberPicture';
import type { ElementBlock, ElementReading, TensorViewContract } from '../../protocol/tensorViews';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { namingTensorLater } from '../namingTensor';
import type { TensorSource } from '../tensorSource';
import type { ElementBytes } from '../worker/viewTasks';
import { packedElementPicture } from './packedElementPicture';
import { checkedRegion, indicesOf, tensorMatrix } from './tensorMatrix';

/** `row` and `column` are of the slice's matrix. Throws `usage` for a place outside it, `unsupported` for values that cannot be read. */
export async function elementJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  params: TensorViewContract['element']['params'],
  { signal }: JobContext<undefined>,
): Promise<ElementReading> {
  const { tensor, slice, row, column } = params;
  const { shape, name, dtype, pieces } = opened.tensor(tensor);
  const source = opened.source(tensor);
  const matrix = tensorMatrix(shape, slice, name);
  checkedRegion(matrix, { row0: row, row1: row + 1, column0: column, column1: column + 1 }, name);
  const index = matrix.first + row * matrix.rowStride + column * matrix.columnStride;
  const read = await namingTensorLater(source, () =>
    engine.pool.run({ kind: 'element', source, index }, { signal, urgent: true }),
  );
  const place = { index, at: indicesOf(shape, index), dtype, byteOffset: read.byteOffset };
  const layout = numberLayouts.get(source.dtype);
  if (layout && read.bytes) {
    const pattern = storedPattern(layout, read.bytes, index % findDtype(source.dtype)!.blockElements);
    const stored = numberPicture(layout, pattern);
    const { decimal } = stored;
    const exact = layout.kind === 'integer' ? BigInt(decimal) : undefined;
    return { ...place, value: read.value, decimal, stored, as: convertedNumbers(read.value, exact) };
  }
  const block =
    pieces && read.packed
      ? packedElementPicture(read.packed, read.value, pieces.layout)
      : blockOf(source, read, index);
  return {
    ...place,
    value: read.value,
    decimal: float32Picture(read.value).decimal,
    stored: block?.stored ?? null,
    block: block?.block,
    as: convertedNumbers(read.value),
  };
}

/** The bits of a plain value, the least significant byte stored first; of types below a byte the lowest bits first. */
function storedPattern(layout: NumberLayout, bytes: Uint8Array, position: number): bigint {
  const all = bytes.reduceRight((pattern, byte) => (pattern << 8n) | BigInt(byte), 0n);
  const bits = layoutBits(layout);
  return BigInt.asUintN(bits, all >> BigInt(bits * position));
}

/** A value of a ggml block. Its own bits are those of its code. */
function blockOf(
  source: TensorSource,
  { bytes, value }: ElementBytes,
  index: number,
): { stored: NumberPicture | null; block: ElementBlock } | undefined {
  const elements = findDtype(source.dtype)?.blockElements;
  if (!bytes || elements === undefined) return undefined;
  const position = index % elements;
  const picture = blockPicture(source.dtype, bytes, position);
  if (!picture) return undefined;
  const { codeBits, parts } = picture;
  const { decimal, significant, shortest } = float32Picture(value);
  const code = parts.find(({ name }) => name === 'code')?.text;
  return {
    stored:
      codeBits === undefined || code === undefined
        ? null
        : {
            bits: codeBits,
            fields: [{ name: 'code', from: 0, to: codeBits.length, text: code }],
            decimal,
            significant,
            shortest,
          },
    block: {
      elements,
      index: Math.floor(index / elements),
      position,
      parts,
      text: `${picture.text} = ${shortest}`,
    },
  };
}
