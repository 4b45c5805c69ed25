/**
 * Rewrites an ONNX model without understanding more of it than the nodes that take the edited weights: everything else is
 * copied from the source as it is, in its order. The result is a list of runs; nothing is loaded but edited nodes.
 */
import type { ByteSource } from '../../bytes/byteSource';
import { LoupeError } from '../../errors';
import { quoteName } from '../fileContents';
import { ForwardCursor } from '../forwardCursor';
import {
  asOperator,
  contributedDomain,
  type ExternalPlace,
  externalFields,
  tensorHead,
  textOf,
  type WeightEdit,
  withExternalPlace,
  withInputs,
} from './quantizedNodes';
import { type Field, nextField } from './wire';
import { concatenated, fieldHead, fieldsOf, integerField, messageField, textField } from './wireWriter';

/** A run of the new file: given bytes, bytes of the source, or room for the data of a written tensor. */
export type ModelRun =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'source'; readonly start: number; readonly bytes: number }
  | { readonly kind: 'data'; readonly tensor: string; readonly suffix: string; readonly bytes: number };

export interface ModelEdit {
  readonly weights: ReadonlyMap<string, WeightEdit>;
  /** Where written and kept tensors lie in a data file, by their names; what is not here stays in the model. */
  readonly external: ReadonlyMap<string, ExternalPlace>;
  /** A name that nothing in the model has. */
  readonly newName: (wanted: string) => string;
  /** What the model shall say instead of something older: the version of ONNX's operators, and of its file format; 0: its own. */
  readonly opset: number;
  readonly irVersion: number;
}

/** A node is at most this long when a weight is exchanged: those that take weights hold a few numbers. */
const longestNodeBytes = 1 << 20;
const longestNameBytes = 4096;

/** Throws `refused` for training information and functions, and for what cannot be edited; `malformed` as the reader does. */
export async function editModel(source: ByteSource, edit: ModelEdit): Promise<readonly ModelRun[]> {
  const cursor = new ForwardCursor(source, { headerCapBytes: Number.MAX_SAFE_INTEGER });
  const refuse = (what: string, byteOffset: number): never => {
    throw new LoupeError('refused', `The model ${what}, and is not quantized.`, {
      file: source.path,
      byteOffset,
    });
  };
  const runs: ModelRun[] = [];
  let hasContributed = false;
  for (;;) {
    const tagStart = cursor.byteOffset;
    const field = await nextField(cursor, cursor.end, 'the ONNX model');
    if (!field) break;
    const end = field.wireType === 0 ? cursor.byteOffset : field.end;
    if (field.number === 20) refuse('carries training information', tagStart);
    if (field.number === 25) {
      const [name] = fieldsOf(
        await source.read(field.start, Math.min(longestNameBytes, field.end - field.start)),
      );
      refuse(
        `has a function of its own, ${quoteName(name?.number === 1 ? textOf(name.payload) : '?')}`,
        tagStart,
      );
    }
    if (field.number === 8) {
      const fields = fieldsOf(
        await source.read(field.start, Math.min(longestNameBytes, field.end - field.start)),
      );
      const named = fields.find(({ number }) => number === 1);
      const domain = named ? textOf(named.payload) : '';
      hasContributed ||= domain === contributedDomain;
      if ((domain === '' || domain === 'ai.onnx') && edit.opset > 0) {
        const raised = messageField(8, textField(1, domain), integerField(2, edit.opset));
        push(runs, { kind: 'bytes', bytes: raised });
        cursor.seek(end);
        continue;
      }
    }
    // From version 4 on initializers need not be inputs too.
    const irVersion = Math.max(4, edit.irVersion);
    if (field.number === 1 && field.value < irVersion) {
      push(runs, { kind: 'bytes', bytes: integerField(1, irVersion) });
    } else if (field.number === 7) {
      const graph = await new GraphEdit(source, cursor, edit).run(field);
      push(runs, { kind: 'bytes', bytes: fieldHead(7, totalBytes(graph)) });
      for (const run of graph) push(runs, run);
    } else push(runs, { kind: 'source', start: tagStart, bytes: end - tagStart });
    cursor.seek(end);
  }
  if (!hasContributed && usesContributed(edit)) {
    // OperatorSetIdProto: domain 1, version 2.
    const opset = messageField(8, textField(1, contributedDomain), integerField(2, 1));
    push(runs, { kind: 'bytes', bytes: opset });
  }
  return runs;
}

export const totalBytes = (runs: readonly ModelRun[]): number =>
  runs.reduce((sum, run) => sum + (run.kind === 'bytes' ? run.bytes.length : run.bytes), 0);

function usesContributed({ weights }: ModelEdit): boolean {
  return [...weights.values()].some(
    ({ action }) =>
      action.kind === 'replace' ||
      (action.kind === 'before' &&
        fieldsOf(fieldsOf(action.node)[0]!.payload).some(({ number }) => number === 7)),
  );
}

/** Neighbouring runs of the source become one. */
function push(runs: ModelRun[], run: ModelRun): void {
  const last = runs.at(-1);
  if (run.kind === 'source' && last?.kind === 'source' && last.start + last.bytes === run.start)
    runs[runs.length - 1] = { ...last, bytes: last.bytes + run.bytes };
  else runs.push(run);
}

class GraphEdit {
  private readonly runs: ModelRun[] = [];
  /** Weights whose stored tensor was found and left out. */
  private readonly found = new Set<string>();

  constructor(
    private readonly source: ByteSource,
    private readonly cursor: ForwardCursor,
    private readonly edit: ModelEdit,
  ) {}

  async run(graph: Field): Promise<readonly ModelRun[]> {
    const { cursor, edit, runs } = this;
    const renamed = new Map<string, string>();
    // What the nodes take comes before all of them.
    for (const { name, action } of edit.weights.values()) {
      if (action.kind !== 'before') continue;
      push(runs, { kind: 'bytes', bytes: action.node });
      renamed.set(name, action.output);
    }
    for (;;) {
      const tagStart = cursor.byteOffset;
      const field = await nextField(cursor, graph.end, 'a graph');
      if (!field) break;
      const end = field.wireType === 0 ? cursor.byteOffset : field.end;
      const asIs: ModelRun = { kind: 'source', start: tagStart, bytes: end - tagStart };
      if (field.number === 1) await this.node(field, asIs, renamed);
      else if (field.number === 5) await this.initializer(field, asIs);
      else if (field.number === 11 || field.number === 13) {
        // What is said about an edited weight's type is no longer true.
        const name = await this.nameOf(field, 1);
        if (!edit.weights.has(name)) push(runs, asIs);
      } else push(runs, asIs);
      cursor.seek(end);
    }
    for (const { name, tensors } of edit.weights.values()) {
      if (!this.found.has(name))
        throw new LoupeError('refused', `${name} was not found again in the graph.`, {
          file: this.source.path,
          tensor: name,
        });
      for (const tensor of tensors) {
        const head = tensorHead(tensor);
        const place = edit.external.get(tensor.name);
        if (place) push(runs, { kind: 'bytes', bytes: messageField(5, head, externalFields(place)) });
        else {
          const { suffix, bytes } = tensor;
          const data = fieldHead(9, bytes);
          const lead = concatenated(fieldHead(5, head.length + data.length + bytes), head, data);
          push(runs, { kind: 'bytes', bytes: lead });
          push(runs, { kind: 'data', tensor: name, suffix, bytes });
        }
      }
    }
    return runs;
  }

  private async node(field: Field, asIs: ModelRun, renamed: ReadonlyMap<string, string>): Promise<void> {
    const { cursor, edit, runs } = this;
    const inputs: string[] = [];
    let output = '';
    let operator = '';
    cursor.seek(field.start);
    for (;;) {
      const part = await nextField(cursor, field.end, 'a node');
      if (!part) break;
      if (part.number === 1) inputs.push(await this.text(part));
      else if (part.number === 2 && output === '') output = await this.text(part);
      else if (part.number === 4) operator = await this.text(part);
      if (part.wireType !== 0) cursor.seek(part.end);
    }
    if (operator === 'Constant' && edit.weights.has(output)) {
      this.found.add(output);
      return;
    }
    const replaced = inputs
      .map((name) => edit.weights.get(name))
      .find((weight) => weight?.action.kind === 'replace');
    if (!replaced && !inputs.some((name) => renamed.has(name))) {
      push(runs, asIs);
      return;
    }
    if (field.end - field.start > longestNodeBytes)
      throw new LoupeError('refused', `The node ${quoteName(output)} is too large to be rewritten.`, {
        file: this.source.path,
        byteOffset: field.start,
      });
    const message = await this.source.read(field.start, field.end - field.start);
    const { action } = replaced ?? { action: undefined };
    const bytes =
      replaced && action?.kind === 'replace'
        ? asOperator(message, replaced, action.operator, action.attributes, edit.newName)
        : withInputs(message, renamed);
    push(runs, { kind: 'bytes', bytes });
  }

  private async initializer(field: Field, asIs: ModelRun): Promise<void> {
    const name = await this.nameOf(field, 8);
    if (this.edit.weights.has(name)) {
      this.found.add(name);
      return;
    }
    const place = this.edit.external.get(name);
    if (!place) {
      push(this.runs, asIs);
      return;
    }
    // Its data is elsewhere, so the message is small.
    const message = await this.source.read(field.start, Math.min(longestNodeBytes, field.end - field.start));
    push(this.runs, { kind: 'bytes', bytes: withExternalPlace(message, place) });
  }

  /** The text in a field of a message. */
  private async nameOf(field: Field, number: number): Promise<string> {
    const { cursor } = this;
    cursor.seek(field.start);
    let name = '';
    for (;;) {
      const part = await nextField(cursor, field.end, 'a message');
      if (!part) return name;
      if (part.number === number) name = await this.text(part);
      if (part.wireType !== 0) cursor.seek(part.end);
    }
  }

  /** A whole text; one that is too long for a name is as none. */
  private async text(field: Field): Promise<string> {
    const length = field.end - field.start;
    if (field.wireType !== 2 || length > longestNameBytes) return '';
    await this.cursor.fetch(length, 'a name');
    return this.cursor.text(length);
  }
}
