/** ggml's block types as schemes: what GGUF files hold. */
import { LoupeError } from '../../../errors';
import { decodeReference } from '../../../kernels/reference/decode';
import { findDtype } from '../../../numeric/dtypes';
import { type Encoding, noChunks, noSurveys, type Scheme, type Setting } from '../../scheme';
import { refuseScale, sumOfSquares } from './arithmetic';
import type { BlockType } from './blockType';

/** The importance of a row's values; matrices of several experts, one above the other, have a part for each. */
export function importanceOf({ importance, rows, columns }: Setting, row: number): Float32Array | undefined {
  if (!importance) return undefined;
  const parts = importance.length / columns;
  const part = Math.floor((row * parts) / rows);
  return importance.subarray(part * columns, (part + 1) * columns);
}

/** A ggml type as a scheme: one piece, the type's blocks one after the other. */
export function ggmlScheme(blockType: BlockType): Scheme {
  const { name, type, label, detail, needsImportance } = blockType;
  const { blockElements } = findDtype(type)!;
  return {
    name,
    label,
    detail,
    family: 'ggml',
    scope: 'linear',
    options: { granularities: ['none'] },
    rowBlock: blockElements,
    needsImportance,
    stored: () => ({ layout: 'gguf', type }),
    encoding: (setting) => encodingOf(blockType, setting),
  };
}

function encodingOf(blockType: BlockType, setting: Setting): Encoding {
  const { type, label, groupElements, hasLevels, hasCodes, hasHalfScale, needsImportance } = blockType;
  const { rows, columns, importance } = setting;
  const { blockElements, blockBytes } = findDtype(type)!;
  if (columns % blockElements !== 0) {
    throw new LoupeError(
      'refused',
      `${label} takes rows of whole blocks of ${blockElements} values, and these have ${columns}; choose a type with smaller blocks, or keep the tensor.`,
    );
  }
  if (importance && importance.length % columns !== 0) {
    throw new LoupeError(
      'refused',
      `The importance matrix has ${importance.length} numbers for ${columns} columns; it belongs to another model.`,
    );
  }
  if (needsImportance && !importance) {
    throw new LoupeError(
      'refused',
      `${label} needs an importance matrix, which tells how much each column matters; give one (--imatrix) when a GGUF file is written, or choose another type.`,
    );
  }
  if (importance?.some((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY))) {
    throw new LoupeError(
      'refused',
      'The importance matrix has negative numbers, infinity or NaN for this tensor; make it anew.',
    );
  }
  const groups = blockElements / groupElements;
  return {
    to: type,
    // Blocks never cross rows. An importance matrix weighs values by their row's mean square.
    unit: importance ? columns : blockElements,
    surveys: noSurveys,
    wholePieces: noChunks,
    pieces: () => [
      {
        suffix: '',
        dtype: type,
        shape: [rows, columns],
        bytes: ((rows * columns) / blockElements) * blockBytes,
      },
    ],
    encode({ first, values }) {
      if (hasHalfScale && values.some((value) => Math.abs(value) >= unreachable)) refuseScale();
      const blocks = values.length / blockElements;
      const bytes = new Uint8Array(blocks * blockBytes);
      const codes = new Uint8Array(values.length);
      const scales = new Float32Array(blocks * groups);
      const zeros = new Float32Array(blocks * groups);
      let rowMeanSquare = 0;
      for (let block = 0; block < blocks; block++) {
        const start = block * blockElements;
        const own = importanceOf(setting, Math.floor((first + start) / columns));
        if (own && start % columns === 0)
          rowMeanSquare = Math.fround(sumOfSquares(values, start, start + columns) / columns);
        const target = bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
        blockType.encode(
          {
            x: values.subarray(start, start + blockElements),
            importance: own?.subarray(start % columns, (start % columns) + blockElements),
            rowMeanSquare,
          },
          {
            bytes: target,
            view: new DataView(target.buffer, target.byteOffset, blockBytes),
            codes: codes.subarray(start, start + blockElements),
            scales: scales.subarray(block * groups, (block + 1) * groups),
            zeros: zeros.subarray(block * groups, (block + 1) * groups),
          },
        );
      }
      const scaleAt = (index: number) => {
        const group = Math.floor(index / groupElements);
        return { scale: scales[group]!, ...(hasLevels ? {} : { zero: zeros[group]! }) };
      };
      return {
        ...(hasCodes ? { codes, scaleAt } : {}),
        dequantized: decodeReference(type, bytes, values.length),
        chunks: () => [{ suffix: '', byteOffset: (first / blockElements) * blockBytes, bytes }],
      };
    },
  };
}

/**
 * No type with an F16 scale reaches 65,504 * 128 * 32 = 2^28. Where values are much larger than this, sums of their products may
 * overflow before a scale does, and then a search would find nothing.
 */
export const unreachable = 2 ** 30;
