/** What a graph does with its initializers: which of them are weights of layers, and why the others are none. */
import type { GraphWeight } from '../checkpoint';

type Role = Extract<GraphWeight, { operator: string }>;

const mixed = 'the graph uses it in several ways';

/** Collects the uses of names while a graph is walked: nodes come before the initializers that they take. */
export class WeightUses {
  private readonly uses = new Map<string, GraphWeight>();
  private readonly constants = new Set<string>();
  private readonly inputs = new Set<string>();

  /** A node of the main graph; `attributes` are its numbers. */
  node(
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes: ReadonlyMap<string, number>,
  ): void {
    if (operator === 'Constant') this.constants.add(output);
    for (const [index, name] of inputs.entries()) {
      this.add(name, roleOf(operator, index, attributes) ?? { reason: `it is an input of ${operator}` });
    }
  }

  /** A node inside a subgraph, which sees the names around it. */
  inner(inputs: readonly string[]): void {
    for (const name of inputs) this.add(name, { reason: 'a subgraph uses it' });
  }

  /** A use that says nothing else. */
  add(name: string, use: GraphWeight): void {
    if (name === '') return;
    const before = this.uses.get(name);
    if (before === undefined) this.uses.set(name, use);
    else if ('reason' in before) return;
    else if ('reason' in use) this.uses.set(name, use);
    else if (before.operator !== use.operator || before.outputAxis !== use.outputAxis)
      this.uses.set(name, { reason: mixed });
    else if (before.beyondProduct === undefined) this.uses.set(name, use);
  }

  /** A graph input, which a caller may give in an initializer's place. */
  graphInput(name: string): void {
    this.inputs.add(name);
  }

  /** What an initializer, or the tensor of an attribute, is to the main graph. */
  weight(name: string, shape: readonly number[], isAttribute: boolean, irVersion: number): GraphWeight {
    const use = this.uses.get(name);
    if (isAttribute && !this.constants.has(name)) return { reason: 'it is an attribute of a node' };
    if (use === undefined) return { reason: 'no node of the main graph uses it' };
    if ('reason' in use) return use;
    // Up to IR version 3 every initializer had to be listed as an input too.
    if (irVersion >= 4 && this.inputs.has(name)) return { reason: 'callers may replace it: it is an input' };
    const ranks = use.operator === 'Conv' ? shape.length >= 3 : shape.length === 2;
    return ranks ? use : { reason: `${use.operator} takes it with ${shape.length} dimensions` };
  }
}

/** Inputs that are weights, by onnx docs/Operators.md. MatMul and an untransposed Gemm have B [K, N]. */
function roleOf(operator: string, input: number, attributes: ReadonlyMap<string, number>): Role | undefined {
  if (operator === 'MatMul' && input === 1) return { operator, outputAxis: 1 };
  if (operator === 'Gemm' && input === 1) {
    const outputAxis = (attributes.get('transB') ?? 0) === 0 ? 1 : 0;
    const beyondProduct = gemmBeyondProduct(attributes);
    return { operator, outputAxis, ...(beyondProduct === undefined ? {} : { beyondProduct }) };
  }
  if (operator === 'Conv' && input === 1) return { operator, outputAxis: 0 };
  if (operator === 'Gather' && input === 0 && (attributes.get('axis') ?? 0) === 0)
    return { operator, outputAxis: 0 };
  return undefined;
}

/** What Gemm (onnx docs/Operators.md: alpha * A' * B' + beta * C) does that a product of matrices and a sum do not. */
function gemmBeyondProduct(attributes: ReadonlyMap<string, number>): string | undefined {
  if ((attributes.get('transA') ?? 0) !== 0) return 'transposes its first input';
  for (const name of ['alpha', 'beta']) {
    const factor = attributes.get(name) ?? 1;
    if (factor !== 1) return `has ${name} ${factor}`;
  }
  return undefined;
}
