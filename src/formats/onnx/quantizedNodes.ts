/**
 * The nodes and tensors that take the place of a weight: onnx docs/Operators.md, onnxruntime docs/ContribOperators.md;
 * field numbers of onnx/onnx.proto.
 */
import { blockOpset } from './opsetChanges';
import { onnxTypes } from './tensorProto';
import { concatenated, fieldsOf, integerField, messageField, textField } from './wireWriter';

/** A tensor that is written: its bytes follow later, in the model or in the data file. */
export interface WrittenTensor {
  readonly suffix: string;
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** What becomes of one weight, by the name of its initializer, which the codes keep. */
export interface WeightEdit {
  readonly name: string;
  readonly tensors: readonly WrittenTensor[];
  readonly action: /** Its nodes take it as it is. */
    | { readonly kind: 'none' }
    /** A node before them gives what they take, under a name that is new. */
    | { readonly kind: 'before'; readonly output: string; readonly node: Uint8Array }
    /** Its nodes become this operator of onnxruntime, with these tensors as inputs. */
    | {
        readonly kind: 'replace';
        readonly operator: string;
        readonly attributes: Readonly<Record<string, number>>;
      };
}

export const contributedDomain = 'com.microsoft';

const dataTypes: ReadonlyMap<string, number> = new Map(
  [...onnxTypes].map(([number, name]) => [name, number]),
);

/** AttributeProto: name 1, i 3, type 20 (INT = 2). */
const integerAttribute = (name: string, value: number): Uint8Array =>
  messageField(5, textField(1, name), integerField(3, value), integerField(20, 2));

interface NodeFields {
  /** The output's, unless another is given. */
  readonly name?: string;
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly domain?: string | undefined;
  readonly attributes: Readonly<Record<string, number>>;
}

function node({ name, operator, inputs, output, domain, attributes }: NodeFields): Uint8Array {
  return messageField(
    1,
    ...inputs.map((name) => textField(1, name)),
    textField(2, output),
    textField(3, name ?? output),
    textField(4, operator),
    ...Object.entries(attributes).map(([name, value]) => integerAttribute(name, value)),
    ...(domain ? [textField(7, domain)] : []),
  );
}

/** Cast back to the weight's own type. */
export const castNode = (input: string, output: string, dtype: string): Uint8Array =>
  node({ operator: 'Cast', inputs: [input], output, attributes: { to: dataTypes.get(dtype)! } });

/** `attributes`: none with one scale for all. `domain` where the model's operator set is too old for ONNX's own. */
export const dequantizeNode = (
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number>>,
  domain: string | undefined,
): Uint8Array => node({ operator: 'DequantizeLinear', inputs, output, domain, attributes });

/** The operator set from which ONNX's own DequantizeLinear takes such codes and scales. */
export function dequantizeOpset({
  bits,
  byAxis,
  isHalf,
}: {
  readonly bits: number;
  readonly byAxis: boolean;
  readonly isHalf: boolean;
}): number {
  if (bits === 4) return blockOpset;
  return isHalf ? 19 : byAxis ? 13 : 10;
}

/** NodeProto with other inputs; all else byte for byte. */
export function withInputs(message: Uint8Array, renamed: ReadonlyMap<string, string>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { number, tagStart, payload, end } of fieldsOf(message)) {
    const name = number === 1 ? renamed.get(textOf(payload)) : undefined;
    parts.push(name === undefined ? message.subarray(tagStart, end) : textField(1, name));
  }
  return messageField(1, ...parts);
}

/**
 * A MatMul, Gemm or Gather as another operator with its other input and the written tensors; output, name and notes stay. What
 * a Gemm adds is added by a node of its own, since not every provider's operator takes it; `newName` names what lies between.
 */
export function asOperator(
  message: Uint8Array,
  { tensors }: WeightEdit,
  operator: string,
  attributes: Readonly<Record<string, number>>,
  newName: (wanted: string) => string,
): Uint8Array {
  const fields = fieldsOf(message);
  const inputs = fields.filter(({ number }) => number === 1).map(({ payload }) => textOf(payload));
  const isGather = operator === 'GatherBlockQuantized';
  const added = isGather ? '' : (inputs[2] ?? '');
  const output = textOf(fields.find(({ number }) => number === 2)!.payload);
  const product = added === '' ? output : newName(`${output}_product`);
  const written = tensors.map(({ name }) => name);
  // Codes come first in a Gather, and second in a product.
  const taken = isGather ? [written[0]!, inputs[1]!, ...written.slice(1)] : [inputs[0]!, ...written];
  // Inputs, output, operator, attributes and domain are written anew.
  const kept = fields.filter(({ number }) => ![1, 2, 4, 5, 7].includes(number));
  const replaced = messageField(
    1,
    ...taken.map((name) => textField(1, name)),
    textField(2, product),
    ...kept.map(({ tagStart, end }) => message.subarray(tagStart, end)),
    textField(4, operator),
    ...Object.entries(attributes).map(([name, value]) => integerAttribute(name, value)),
    textField(7, contributedDomain),
  );
  if (added === '') return replaced;
  const sum = node({
    name: `${product}_sum`,
    operator: 'Add',
    inputs: [product, added],
    output,
    attributes: {},
  });
  return concatenated(replaced, sum);
}

/** A TensorProto but for its data: dims 1, data_type 2, name 8. */
export const tensorHead = ({ name, dtype, shape }: WrittenTensor): Uint8Array =>
  concatenated(
    ...shape.map((size) => integerField(1, size)),
    integerField(2, dataTypes.get(dtype)!),
    textField(8, name),
  );

export interface ExternalPlace {
  readonly location: string;
  readonly byteOffset: number;
  readonly bytes: number;
}

/** external_data 13 and data_location 14. */
export const externalFields = ({ location, byteOffset, bytes }: ExternalPlace): Uint8Array =>
  concatenated(
    messageField(13, textField(1, 'location'), textField(2, location)),
    messageField(13, textField(1, 'offset'), textField(2, String(byteOffset))),
    messageField(13, textField(1, 'length'), textField(2, String(bytes))),
    integerField(14, 1),
  );

/** A TensorProto whose data moves within or into a data file; all else byte for byte. */
export function withExternalPlace(message: Uint8Array, place: ExternalPlace): Uint8Array {
  const kept = fieldsOf(message).filter(({ number }) => number !== 13 && number !== 14);
  return messageField(
    5,
    ...kept.map(({ tagStart, end }) => message.subarray(tagStart, end)),
    externalFields(place),
  );
}

export const textOf = (payload: Uint8Array): string => new TextDecoder().decode(payload);
