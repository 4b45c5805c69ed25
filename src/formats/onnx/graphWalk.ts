/** GraphProto, NodeProto and ValueInfoProto of onnx/onnx.proto, walked once from front to back. */
import { LoupeError } from '../../errors';
import type { GraphValue } from '../checkpoint';
import type { ForwardCursor } from '../forwardCursor';
import { describeMethod, type OperatorUse, quantizedOperators } from './quantizedOperators';
import { longestNameBytes, onnxTypes, readTensorHead, type TensorHead } from './tensorProto';
import { WeightUses } from './weightUses';
import { type Field, nextField, readIntegers, readText } from './wire';

/** Subgraphs of If and Loop bodies; real models stay below four. */
const deepestGraph = 16;
/** Far beyond any model, and few enough to be kept. */
const mostTensors = 150_000;
const mostNodes = 1_000_000;
const mostOperators = 2_000;
const mostValues = 1_000;
const mostNodeInputs = 64;
/** Inputs of an operator of quantized weights: none has codes or scales beyond. */
const keptInputs = 12;
/** Constant nodes below this hold shapes and axes, not weights. */
const leastConstantElements = 64;

export interface WalkedTensor extends TensorHead {
  /** Why the values cannot be read whatever the data is. */
  readonly unreadable?: string | undefined;
  /** Where it stands: among the main graph's initializers, in an attribute of a node of that, or elsewhere. */
  readonly place: 'initializer' | 'attribute' | 'inner';
}

/** What is gathered over all graphs of a model. */
export class GraphWalk {
  name = '';
  readonly tensors: WalkedTensor[] = [];
  readonly inputs: GraphValue[] = [];
  readonly outputs: GraphValue[] = [];
  readonly operators = new Map<string, number>();
  readonly quantizedUses: OperatorUse[] = [];
  readonly weightUses = new WeightUses();
  /** Names given to two tensors of one graph. */
  readonly duplicates: { readonly name: string; readonly byteOffset: number }[] = [];
  private readonly names = new Set<string>();
  private nodeCount = 0;

  constructor(private readonly cursor: ForwardCursor) {}

  /** A GraphProto; `scope` goes before the names of a subgraph's tensors. */
  async graph(field: Field, scope = '', depth = 0): Promise<void> {
    const { cursor } = this;
    const what = 'a graph';
    if (field.wireType !== 2) cursor.fail('A graph is no message.', field.start);
    if (depth > deepestGraph)
      cursor.fail(`Graphs are nested more than ${deepestGraph} levels deep.`, field.start);
    for (;;) {
      const part = await nextField(cursor, field.end, what);
      if (!part) return;
      switch (part.number) {
        case 1:
          await this.node(part, scope, depth);
          break;
        case 2: {
          const name = await readText(cursor, part, 'a graph name', longestNameBytes);
          if (depth === 0) this.name = name;
          break;
        }
        case 5: {
          const head = await readTensorHead(cursor, part);
          if (head.name === '') cursor.fail('An initializer has no name.', part.start);
          this.addTensor(head, scope + head.name, depth === 0 ? 'initializer' : 'inner');
          break;
        }
        case 11:
          if (depth === 0) await this.value(part, this.inputs);
          break;
        case 12:
          if (depth === 0) await this.value(part, this.outputs);
          break;
        case 15:
          await this.sparse(part, scope);
          break;
      }
      if (part.wireType !== 0) cursor.seek(part.end);
    }
  }

  /** A FunctionProto: only the constants in its body matter here. */
  async function(field: Field): Promise<void> {
    const { cursor } = this;
    if (field.wireType !== 2) cursor.fail('A function is no message.', field.start);
    for (;;) {
      const part = await nextField(cursor, field.end, 'a function');
      if (!part) return;
      if (part.number === 7) await this.node(part, '', 1);
      if (part.wireType !== 0) cursor.seek(part.end);
    }
  }

  private addTensor(head: TensorHead, name: string, place: WalkedTensor['place'], unreadable?: string): void {
    if (this.tensors.length >= mostTensors)
      throw new LoupeError('unsupported', `The model has more than ${mostTensors} tensors.`, {
        file: this.cursor.path,
        byteOffset: head.start,
      });
    let unique = name;
    if (this.names.has(name)) {
      this.duplicates.push({ name, byteOffset: head.start });
      if (this.duplicates.length > 1000)
        this.cursor.fail('More than 1,000 tensors share their names.', head.start, name);
      unique = `${name} (${this.duplicates.length + 1})`;
    }
    this.names.add(unique);
    this.tensors.push({ ...head, name: unique, place, ...(unreadable === undefined ? {} : { unreadable }) });
  }

  private async node(field: Field, scope: string, depth: number): Promise<void> {
    const { cursor } = this;
    const what = 'a node';
    if (field.wireType !== 2) cursor.fail('A node is no message.', field.start);
    const inputs: string[] = [];
    const attributes = new Map<string, number>();
    let output = '';
    let name = '';
    let operator = '';
    let domain = '';
    const position = this.nodeCount++;
    if (position >= mostNodes)
      throw new LoupeError('unsupported', `The model has more than ${mostNodes} nodes.`, {
        file: cursor.path,
        byteOffset: field.start,
      });
    for (;;) {
      const part = await nextField(cursor, field.end, what);
      if (!part) break;
      if (part.number === 1 && inputs.length < mostNodeInputs)
        inputs.push(await readText(cursor, part, what, longestNameBytes));
      else if (part.number === 1)
        this.weightUses.inner([await readText(cursor, part, what, longestNameBytes)]);
      else if (part.number === 2 && output === '')
        output = await readText(cursor, part, what, longestNameBytes);
      else if (part.number === 3) name = await readText(cursor, part, what, longestNameBytes);
      else if (part.number === 4) operator = await readText(cursor, part, what, 200);
      else if (part.number === 7) domain = await readText(cursor, part, what, 200);
      else if (part.number === 5) {
        const place = { scope, depth, name: name || output || `node ${position}`, output };
        await this.attribute(part, place, attributes);
      }
      if (part.wireType !== 0) cursor.seek(part.end);
    }
    const key = domain === '' || domain === 'ai.onnx' ? operator : `${domain}.${operator}`;
    const seen = this.operators.get(key);
    if (seen === undefined && this.operators.size >= mostOperators)
      cursor.fail(`The model has more than ${mostOperators} different operators.`, field.start);
    this.operators.set(key, (seen ?? 0) + 1);
    if (depth === 0) this.weightUses.node(key, inputs, output, attributes);
    else this.weightUses.inner(inputs);
    const quantized = quantizedOperators.get(operator);
    if (!quantized || this.quantizedUses.length >= mostTensors) return;
    const method = describeMethod(operator, quantized, attributes);
    const { weights } = quantized;
    this.quantizedUses.push({
      operator,
      method,
      scope,
      inputs: inputs.slice(0, keptInputs),
      weights,
      attributes,
    });
  }

  /** An AttributeProto: integers and floats are kept by name, tensors and graphs are walked. */
  private async attribute(
    field: Field,
    place: { scope: string; depth: number; name: string; output: string },
    numbers: Map<string, number>,
  ): Promise<void> {
    const { cursor } = this;
    const what = 'an attribute';
    if (field.wireType !== 2) cursor.fail('An attribute is no message.', field.start);
    let name = '';
    let value: number | undefined;
    for (;;) {
      const part = await nextField(cursor, field.end, what);
      if (!part) break;
      switch (part.number) {
        case 1:
          name = await readText(cursor, part, what, 200);
          break;
        case 2:
          if (part.wireType !== 5) break;
          await cursor.fetch(4, what);
          value = cursor.f32();
          break;
        case 3:
          value = part.value;
          break;
        case 5: {
          const head = await readTensorHead(cursor, part);
          const elements = head.shape.reduce((product, size) => product * size, 1);
          if (head.shape.length < 2 && elements < leastConstantElements) break;
          const local = place.output || `${place.name}.${name}`;
          this.addTensor(head, place.scope + local, place.depth === 0 ? 'attribute' : 'inner');
          break;
        }
        case 6:
        case 11:
          await this.graph(part, `${place.scope}${place.name}.${name}.`, place.depth + 1);
          break;
      }
      if (part.wireType !== 0) cursor.seek(part.end);
    }
    if (value !== undefined && numbers.size < mostNodeInputs) numbers.set(name, value);
  }

  /** A SparseTensorProto: listed under the name of its values, in its dense shape. */
  private async sparse(field: Field, scope: string): Promise<void> {
    const { cursor } = this;
    if (field.wireType !== 2) cursor.fail('A sparse tensor is no message.', field.start);
    const shape: number[] = [];
    let values: TensorHead | undefined;
    for (;;) {
      const part = await nextField(cursor, field.end, 'a sparse tensor');
      if (!part) break;
      if (part.number === 1) values = await readTensorHead(cursor, part);
      else if (part.number === 3) await readIntegers(cursor, part, 'a shape', shape, 64);
      if (part.wireType !== 0) cursor.seek(part.end);
    }
    if (!values) return;
    for (const size of shape)
      if (!(size >= 0)) cursor.fail('A dimension of a tensor is negative or too large.', field.start);
    const reason = 'It is sparse: only the values that are not zero are stored.';
    this.addTensor({ ...values, shape }, scope + values.name, 'inner', reason);
  }

  private async value(field: Field, into: GraphValue[]): Promise<void> {
    const { cursor } = this;
    if (field.wireType !== 2) cursor.fail('A graph input or output is no message.', field.start);
    let value: GraphValue = { name: '', type: '?' };
    for (;;) {
      const part = await nextField(cursor, field.end, 'a graph input or output');
      if (!part) break;
      if (part.number === 1)
        value = { ...value, name: await readText(cursor, part, 'a name', longestNameBytes) };
      else if (part.number === 2) value = { ...value, ...(await readType(cursor, part)) };
      if (part.wireType !== 0) cursor.seek(part.end);
    }
    if (into === this.inputs) this.weightUses.graphInput(value.name);
    else this.weightUses.add(value.name, { reason: 'it is an output of the graph' });
    if (into.length < mostValues) into.push(value);
  }
}

const otherKinds: ReadonlyMap<number, string> = new Map([
  [4, 'sequence'],
  [5, 'map'],
  [8, 'sparse tensor'],
  [9, 'optional'],
]);

/** TypeProto; what a sequence or map holds is left out. */
async function readType(cursor: ForwardCursor, field: Field): Promise<Omit<GraphValue, 'name'>> {
  if (field.wireType !== 2) return cursor.fail('A type is no message.', field.start);
  let type = '?';
  let shape: (number | string)[] | undefined;
  for (;;) {
    const part = await nextField(cursor, field.end, 'a type');
    if (!part) return { type, ...(shape ? { shape } : {}) };
    if (part.number === 1) {
      for (;;) {
        const inner = await nextField(cursor, part.end, 'a tensor type');
        if (!inner) break;
        if (inner.number === 1) type = typeName(inner.value);
        else if (inner.number === 2) shape = await readDimensions(cursor, inner);
        if (inner.wireType !== 0) cursor.seek(inner.end);
      }
    } else type = otherKinds.get(part.number) ?? type;
    if (part.wireType !== 0) cursor.seek(part.end);
  }
}

/** The name of a TensorProto.DataType number. */
export const typeName = (number: number): string =>
  number === 8 ? 'STRING' : (onnxTypes.get(number) ?? `type ${number}`);

/** TensorShapeProto: sizes, and names of open dimensions. */
async function readDimensions(cursor: ForwardCursor, field: Field): Promise<(number | string)[]> {
  if (field.wireType !== 2) return cursor.fail('A shape is no message.', field.start);
  const shape: (number | string)[] = [];
  for (;;) {
    const part = await nextField(cursor, field.end, 'a shape');
    if (!part) return shape;
    if (part.number === 1 && part.wireType === 2) {
      let dimension: number | string = '?';
      for (;;) {
        const inner = await nextField(cursor, part.end, 'a dimension');
        if (!inner) break;
        if (inner.number === 1 && inner.value >= 0) dimension = inner.value;
        else if (inner.number === 2) dimension = (await readText(cursor, inner, 'a dimension', 200)) || '?';
        if (inner.wireType !== 0) cursor.seek(inner.end);
      }
      if (shape.length < 64) shape.push(dimension);
    }
    if (part.wireType !== 0) cursor.seek(part.end);
  }
}
