/** Puts pruning, a scheme and the form of the output together. */
import { LoupeError } from '../errors';
import { roundToDtype } from '../numeric/floats';
import { graphEncoding } from './onnx/graphEncoding';
import { onnxForm, storedChoice } from './onnx/onnxForm';
import { floatBytes, piece } from './packing';
import { pruningFor } from './pruning/pruningFor';
import { type Encoding, noChunks, type Setting, type StoredForm } from './scheme';
import { schemeNamed } from './schemes';
import type { ScaleDtype } from './types';

/** Values of one band at most: a row of more cannot be encoded at once in bounded memory. */
export const mostBandValues = 2 ** 24;

/** How a tensor is encoded by a setting. Throws `refused` where scheme and shape do not fit, `unsupported` for longer bands. */
export function encodingFor(setting: Setting): Encoding {
  const { choice, columns } = setting;
  let encoding = setting.graph ? graphEncoding(setting) : schemeNamed(choice.scheme).encoding(setting);
  const pruning = pruningFor(setting.graph ? { ...setting, choice: storedChoice(setting) } : setting);
  if (pruning) {
    const inner = encoding;
    encoding = {
      ...inner,
      to: inner.to.endsWith('pruned') ? inner.to : `${inner.to} pruned`,
      unit: leastCommonMultiple(inner.unit, pruning.unit),
      valueUnit: leastCommonMultiple(inner.valueUnit ?? inner.unit, pruning.unit),
      surveys: [
        ...pruning.surveys,
        ...inner.surveys.map((survey) => ({
          ...survey,
          add: (...[state, band, known]: Parameters<typeof survey.add>) =>
            survey.add(state, pruning.apply(band, known), known),
        })),
      ],
      encode: (band, known) => inner.encode(pruning.apply(band, known), known),
    };
  }
  if (choice.output === 'fake') encoding = fakeQuantized(encoding, setting);
  if (encoding.unit > mostBandValues) {
    throw new LoupeError('unsupported', `Rows of ${columns} values are too long for this scheme.`);
  }
  return encoding;
}

/** Dequantized values stored in the weight's own type: what any loader reads, with the scheme's error. */
function fakeQuantized(inner: Encoding, { rows, columns, dtype }: Setting): Encoding {
  const own: ScaleDtype = dtype === 'F16' || dtype === 'BF16' ? dtype : 'F32';
  const bytesEach = own === 'F32' ? 4 : 2;
  return {
    ...inner,
    to: `${inner.to} as ${own}`,
    pieces: () => [piece('', own, [rows, columns])],
    wholePieces: noChunks,
    encode(band, known) {
      const { codes, dequantized: exact, scaleAt } = inner.encode(band, known);
      const dequantized = own === 'F32' ? exact : exact.map((value) => roundToDtype(value, own));
      const bytes = () => floatBytes(dequantized, own);
      return {
        codes,
        dequantized,
        scaleAt,
        chunks: () => [{ suffix: '', byteOffset: bytesEach * band.first, bytes: bytes() }],
      };
    },
  };
}

/** How the output of a setting is stored, or why it is not. */
export function storedFormFor(setting: Setting): StoredForm {
  const { output, scheme } = setting.choice;
  if (setting.graph) {
    const form = onnxForm(setting);
    return 'reason' in form ? { layout: 'none', reason: form.reason } : { layout: 'onnx' };
  }
  if (output === 'fake') return { layout: 'plain' };
  if (output === 'qdq') return { layout: 'none', reason: 'The output "qdq" is for ONNX models.' };
  const form = schemeNamed(scheme).stored(setting);
  if (output === 'plain' && form.layout !== 'plain') {
    return {
      layout: 'none',
      reason: `${schemeNamed(scheme).label} is not stored as plain tensors; the output "fake" writes dequantized values.`,
    };
  }
  return form;
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * b;
}
