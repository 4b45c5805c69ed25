/** What can be written of a kind of file: for menus, which offer it, and say of the rest why not. */
import { settingFor } from './choice';
import { storedFormFor } from './encoding';
import { typeOfScheme } from './gguf/ggmlSchemes';
import { type OnnxForm, onnxForm } from './onnx/onnxForm';
import type { GraphPlace, StoredForm } from './scheme';
import { type SchemeOffer, schemeOffers } from './schemeOffers';
import { blockTypeNamed } from './schemes/ggml/blockTypes';
import type { SchemeChoice } from './types';

/** What a quantization of a model is written to. */
export type Medium = 'safetensors' | 'onnx' | 'gguf';
export const mediumOf = (file: string): Exclude<Medium, 'gguf'> =>
  /\.onnx$/i.test(file) ? 'onnx' : 'safetensors';

/** Both ways in which the weight of a product lies in an ONNX graph. */
const products: readonly GraphPlace[] = [
  { operator: 'MatMul', outputAxis: 1 },
  { operator: 'Gemm', outputAxis: 0 },
];

/** Why nothing holds the weights of usual models so, in one sentence; undefined where something does. */
export function whyUnwritable(choice: SchemeChoice, medium: Medium): string | undefined {
  if (medium === 'gguf')
    return typeOfScheme(choice.scheme) === undefined ? "A GGUF file holds ggml's types only." : undefined;
  // Whole heads, of whatever size.
  const shape = { rows: 64 * (choice.headSize ?? 64), columns: 4096 };
  if (medium === 'safetensors') return faultOf(storedFormFor(settingFor(choice, 'BF16', shape)));
  const setting = settingFor(choice, 'F32', shape);
  const faults = products.map((graph) => faultOf(storedFormFor({ ...setting, graph })));
  return faults.includes(undefined) ? undefined : faults[0];
}

const operatorNames: Readonly<Partial<Record<OnnxForm['kind'], string>>> = {
  cast: 'Cast',
  qdq: 'DequantizeLinear',
  nbits: 'MatMulNBits',
  bnb4: 'MatMulBnb4',
};

/** The operators that hold the weights of usual products in an ONNX graph; none for plain tensors. */
export function onnxOperators(choice: SchemeChoice): readonly string[] {
  const setting = settingFor(choice, 'F32', { rows: 4096, columns: 4096 });
  return products.flatMap((graph) => operatorNames[onnxForm({ ...setting, graph }).kind] ?? []);
}

function faultOf(form: StoredForm): string | undefined {
  if (form.layout === 'gguf') return "ggml's types are written to GGUF files.";
  return form.layout === 'none' ? form.reason : undefined;
}

/** Whether a layout, or an operator of ONNX graphs, holds the weights of usual models so. */
export const isWritable = (choice: SchemeChoice, medium: Medium = 'safetensors'): boolean =>
  whyUnwritable(choice, medium) === undefined;

/** `schemeOffers`, of which those that cannot be written say why; a safetensors model may also become a GGUF file. */
export function schemeOffersFor(medium: Medium, offers = schemeOffers): readonly SchemeOffer[] {
  return offers.map((offer) => {
    if (medium === 'safetensors' && blockTypeNamed(offer.choice.scheme))
      return { ...offer, detail: `${offer.detail} Written as a GGUF file.` };
    const reason = whyUnwritable(offer.choice, medium);
    if (reason === undefined) return offer;
    const text = /[.!?]$/.test(reason) ? reason : `${reason}.`;
    return { ...offer, detail: `${offer.detail} Cannot be written: ${text}` };
  });
}
