/** The parameters of a model that is not there, as its configuration implies them. */
import { LoupeError } from '../errors';

export type ParameterRole =
  | 'embedding'
  | 'position'
  | 'attention'
  | 'mlp'
  | 'expert'
  | 'router'
  | 'norm'
  | 'convolution'
  | 'head'
  | 'other';

/** Tensors of one shape that repeat through the model. */
export interface ParameterGroup {
  /** As transformers names them, with `*` for the number of a layer or an expert. */
  readonly name: string;
  readonly role: ParameterRole;
  /** Outermost dimension first. */
  readonly shape: readonly number[];
  readonly copies: number;
}

/** Elements of one tensor of a group. */
export const elementsOf = ({ shape }: ParameterGroup): number =>
  shape.reduce((product, size) => product * size, 1);

/** Collects groups under a common prefix; lists made by `under` add to the same groups. */
export class ParameterList {
  constructor(
    private readonly collected: ParameterGroup[] = [],
    private readonly prefix = '',
    private readonly copies = 1,
  ) {}

  get groups(): readonly ParameterGroup[] {
    return this.collected;
  }

  /** Sum of all elements. Throws `malformed` beyond 2^53, which only a made-up config reaches. */
  get total(): number {
    const total = this.collected.reduce((sum, group) => sum + group.copies * elementsOf(group), 0);
    if (!Number.isSafeInteger(total)) {
      throw new LoupeError('malformed', 'The figures of this config multiply to more than 2^53 parameters.');
    }
    return total;
  }

  /** A list whose names begin with `name`, and whose tensors are there `copies` times as often. */
  under(name: string, copies = 1): ParameterList {
    return new ParameterList(this.collected, `${this.prefix}${name}.`, this.copies * copies);
  }

  add(role: ParameterRole, name: string, ...shape: number[]): void {
    if (this.copies > 0 && !shape.includes(0)) {
      this.collected.push({ name: this.prefix + name, role, shape, copies: this.copies });
    }
  }

  /** All groups of another list, such as a tower's. */
  addAll({ groups }: ParameterList): void {
    for (const { role, name, shape, copies } of groups)
      if (copies > 0)
        this.collected.push({ role, name: this.prefix + name, shape, copies: this.copies * copies });
  }

  /** A Linear module: weight [out, in], and a bias if it has one. */
  linear(role: ParameterRole, name: string, out: number, input: number, hasBias = false): void {
    this.add(role, `${name}.weight`, out, input);
    if (hasBias) this.add(role, `${name}.bias`, out);
  }

  /** A normalization: weight, and bias for LayerNorm with one. */
  norm(name: string, width: number, hasBias = false): void {
    this.add('norm', `${name}.weight`, width);
    if (hasBias) this.add('norm', `${name}.bias`, width);
  }
}
