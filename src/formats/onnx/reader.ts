/** Reads ONNX models (onnx/onnx.proto, ModelProto): the graph's structure, and where its tensors' bytes lie. */
import type { ByteSource } from '../../bytes/byteSource';
import { LoupeError } from '../../errors';
import { findDtype } from '../../numeric/dtypes';
import type {
  GraphSummary,
  GraphValue,
  GraphWeight,
  MetadataEntry,
  MetadataValue,
  TensorInfo,
} from '../checkpoint';
import { counted, type FileContents, quoteName, type ReadOptions } from '../fileContents';
import { FindingList } from '../findingList';
import { EarlyEndError, ForwardCursor } from '../forwardCursor';
import { ExternalFiles } from './externalData';
import { GraphWalk, typeName, type WalkedTensor } from './graphWalk';
import { opsetFault } from './opsetChanges';
import { onnxStringType, onnxTypes, readEntry } from './tensorProto';
import { nextField, readText } from './wire';

/** Protocol buffers' own limit of a message. */
const largestGraphBytes = 2 ** 31;
const mostProperties = 10_000;
const longestPropertyBytes = 1 << 20;
const mostPropertyBytes = 16 << 20;
const mostOpsets = 1_000;
/** Operators that are told in the metadata; the summary has them all. */
const shownOperators = 100;

interface Model {
  irVersion: number;
  producer: string;
  producerVersion: string;
  domain: string;
  modelVersion: number;
  readonly opsets: { domain: string; version: number }[];
  readonly properties: MetadataEntry[];
  hasTraining: boolean;
  hasGraph: boolean;
  /** The file ends inside the graph. */
  cut: boolean;
}

/**
 * Reads a model. Bytes of tensors are stepped over: what is read is the structure around them, and at most 256
 * bytes behind each. A file that ends inside its graph shows the tensors before that, with a finding. Throws
 * `malformed`, `unsupported`, or `not-a-checkpoint` for a message without a graph.
 */
export async function readOnnx(source: ByteSource, options: ReadOptions = {}): Promise<FileContents> {
  const cursor = new ForwardCursor(source, options);
  const walk = new GraphWalk(cursor);
  const model = await readModel(cursor, walk);
  if (!model.hasGraph)
    throw new LoupeError('not-a-checkpoint', 'There is no ONNX graph in this file.', {
      file: source.path,
      byteOffset: 0,
    });
  const findings = new FindingList();
  const external = new ExternalFiles(source.path, options.files);
  const tensors: TensorInfo[] = [];
  const opset = model.opsets.find(({ domain }) => domain === 'ai.onnx')?.version ?? 0;
  const withoutBlocks = opsetFault(opset, walk.operators.keys());
  const about = { opset, ...(withoutBlocks === undefined ? {} : { withoutBlocks }) };
  for (const tensor of walk.tensors) {
    const use: GraphWeight =
      tensor.place === 'inner'
        ? { reason: 'it is in a subgraph' }
        : walk.weightUses.weight(tensor.name, tensor.shape, tensor.place === 'attribute', model.irVersion);
    const graphWeight = 'reason' in use ? use : { ...use, ...about };
    tensors.push({ ...(await place(tensor, source, external, findings)), graphWeight });
  }
  if (model.cut)
    findings.add({
      severity: 'error',
      code: 'truncated-data',
      message: `The file ends inside its graph; what came before is shown: ${counted(tensors.length, 'tensor')}.`,
      file: source.path,
      byteOffset: source.size,
    });
  for (const { name, byteOffset } of walk.duplicates)
    findings.add({
      severity: 'error',
      code: 'duplicate-tensor',
      message: `Two tensors are named ${quoteName(name)}.`,
      file: source.path,
      tensor: name,
      byteOffset,
    });
  if (model.hasTraining)
    findings.add({
      severity: 'info',
      code: 'training-info',
      message: 'The model carries training information, which is not shown.',
      file: source.path,
    });
  const graph = summarize(model, walk, tensors, source.path, findings);
  return {
    format: 'onnx',
    tensors,
    metadata: toMetadata(model, graph),
    findings: findings.toArray(),
    dataFiles: external.files,
    graph,
    quantizedUses: walk.quantizedUses,
  };
}

async function readModel(cursor: ForwardCursor, walk: GraphWalk): Promise<Model> {
  const what = 'the ONNX model';
  const model: Model = {
    irVersion: 0,
    producer: '',
    producerVersion: '',
    domain: '',
    modelVersion: 0,
    opsets: [],
    properties: [],
    hasTraining: false,
    hasGraph: false,
    cut: false,
  };
  let propertyBytes = 0;
  for (;;) {
    const field = await nextField(cursor, cursor.end, what, 7);
    if (!field) return model;
    switch (field.number) {
      case 1:
        model.irVersion = field.value;
        break;
      case 2:
        model.producer = await readText(cursor, field, what, 200);
        break;
      case 3:
        model.producerVersion = await readText(cursor, field, what, 200);
        break;
      case 4:
        model.domain = await readText(cursor, field, what, 200);
        break;
      case 5:
        model.modelVersion = field.value;
        break;
      case 7:
        if (model.hasGraph) cursor.fail('The model has two graphs.', field.start);
        if (field.end - field.start > largestGraphBytes)
          cursor.fail(`The graph claims ${field.end - field.start} bytes, more than a message can have.`);
        model.hasGraph = true;
        try {
          await walk.graph(field);
        } catch (error) {
          const shown = walk.tensors.length > 0 || walk.operators.size > 0;
          if (!(error instanceof EarlyEndError && field.end > cursor.end && shown)) throw error;
        }
        if (field.end > cursor.end) return { ...model, cut: true };
        break;
      case 8: {
        if (model.opsets.length >= mostOpsets)
          cursor.fail(`There are more than ${mostOpsets} operator sets.`);
        if (field.wireType !== 2) cursor.fail('An operator set is no message.', field.start);
        const opset = { domain: '', version: 0 };
        for (;;) {
          const part = await nextField(cursor, field.end, 'an operator set');
          if (!part) break;
          if (part.number === 1) opset.domain = await readText(cursor, part, what, 200);
          else if (part.number === 2) opset.version = part.value;
          if (part.wireType !== 0) cursor.seek(part.end);
        }
        model.opsets.push({ domain: opset.domain || 'ai.onnx', version: opset.version });
        break;
      }
      case 14: {
        const { key, value } = await readEntry(cursor, field, 1024, longestPropertyBytes);
        propertyBytes += key.length + value.length;
        if (model.properties.length >= mostProperties || propertyBytes > mostPropertyBytes)
          cursor.fail('The model has more properties than can be shown.', field.start);
        model.properties.push({ key, type: 'string', value });
        break;
      }
      case 20:
        model.hasTraining = true;
        break;
      case 25:
        await walk.function(field);
        break;
    }
    if (field.wireType !== 0) cursor.seek(field.end);
  }
}

const indirect = {
  numbers: 'Its values are stored as numbers of variable length.',
  scattered: 'Its values are stored in several places of the file.',
} as const;

/** Gives a tensor its bytes, or the reason why it has none. */
async function place(
  tensor: WalkedTensor,
  source: ByteSource,
  external: ExternalFiles,
  findings: FindingList,
): Promise<TensorInfo> {
  const { name, shape, data, dataType, start } = tensor;
  const at = { file: source.path, tensor: name, byteOffset: start };
  const elements = shape.reduce((product, size) => product * size, 1);
  const dtype = findDtype(onnxTypes.get(dataType) ?? '');
  const bytes = dtype ? Math.ceil((elements * dtype.blockBytes) / dtype.blockElements) : 0;
  if (!Number.isSafeInteger(elements) || !Number.isSafeInteger(bytes))
    throw new LoupeError('malformed', `Tensor ${quoteName(name)} has more elements than can be counted.`, at);
  const base = { name, dtype: typeName(dataType), shape, elements, file: 0, byteOffset: start, bytes };
  const fault = (code: string, reason: string): TensorInfo => {
    findings.add({ severity: 'error', code, message: `Tensor ${quoteName(name)}: ${reason}`, ...at });
    return { ...base, unreadable: reason };
  };
  if (tensor.unreadable !== undefined) return { ...base, bytes: 0, unreadable: tensor.unreadable };
  if (dataType === onnxStringType) return { ...base, unreadable: 'It holds text.' };
  if (!dtype) return fault('unknown-type', `Its type ${dataType} is not known.`);
  if (data.kind === 'strings') return fault('size-mismatch', 'It holds text, but its type is a number.');
  if (data.kind === 'numbers' || data.kind === 'scattered')
    return { ...base, unreadable: indirect[data.kind] };
  const packedRows =
    dtype.blockElements > 1 && shape.length > 1 && (elements / (shape[0] || 1)) % dtype.blockElements !== 0
      ? {
          unreadable: `Its rows do not begin on whole bytes: ${dtype.blockElements} values share one.`,
          unevenRows: true,
        }
      : {};
  if (data.kind === 'external') {
    const run = await external.locate(data.pairs, bytes);
    if ('file' in run) return { ...base, file: run.fileIndex, byteOffset: run.byteOffset, ...packedRows };
    if (run.finding)
      findings.add({ ...run.finding, ...at, message: `Tensor ${quoteName(name)}: ${run.finding.message}` });
    return { ...base, unreadable: run.reason };
  }
  if (data.kind === 'none')
    return bytes === 0 ? base : fault('size-mismatch', `It has no data, but ${bytes} bytes are needed.`);
  if (data.bytes !== bytes)
    return fault('size-mismatch', `Its data has ${counted(data.bytes, 'byte')}, but ${bytes} are needed.`);
  const placed = { ...base, byteOffset: data.start };
  if (data.start + bytes > source.size)
    return { ...placed, unreadable: 'The file ends before this tensor does.' };
  if (data.types !== '' && !data.types.split(' ').includes(dtype.name))
    return fault('size-mismatch', `Its values are stored as ${data.types.split(' ')[0]}.`);
  return { ...placed, ...packedRows };
}

function summarize(
  model: Model,
  walk: GraphWalk,
  tensors: readonly TensorInfo[],
  file: string,
  findings: FindingList,
): GraphSummary {
  const names = new Set(tensors.map(({ name }) => name));
  const methods = new Map<string, string>();
  for (const { scope, inputs, weights, method } of walk.quantizedUses)
    for (const index of weights) {
      const name = inputs[index];
      if (!name) continue;
      const full = names.has(scope + name) ? scope + name : name;
      if (names.has(full) && !methods.has(full)) methods.set(full, method);
    }
  const byMethod = new Map<string, number>();
  for (const method of methods.values()) byMethod.set(method, (byMethod.get(method) ?? 0) + 1);
  if (methods.size > 0) {
    const parts = [...byMethod].slice(0, 8).map(([method, count]) => `${count} by ${method}`);
    findings.add({
      severity: 'info',
      code: 'quantized-weights',
      message: `${counted(methods.size, 'tensor')} of the graph ${methods.size === 1 ? 'holds' : 'hold'} quantized codes: ${parts.join('; ')}.`,
      file,
    });
  }
  return {
    name: walk.name,
    irVersion: model.irVersion,
    producer: [model.producer, model.producerVersion].filter(Boolean).join(' '),
    opsets: model.opsets,
    // Models of IR version 3 and older list their initializers as inputs too.
    inputs: walk.inputs.filter(({ name }) => !names.has(name)),
    outputs: walk.outputs,
    operators: [...walk.operators]
      .map(([name, count]) => ({ name, count }))
      .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)),
    quantizedWeights: [...methods].map(([tensor, method]) => ({ tensor, method })),
  };
}

/** The model's figures as metadata, then its own properties. */
function toMetadata(model: Model, graph: GraphSummary): MetadataEntry[] {
  const entries: MetadataEntry[] = [];
  const add = (key: string, type: string, value: MetadataValue) => {
    if (value !== '') entries.push({ key, type, value });
  };
  const integer = (value: number): number | string => (Number.isFinite(value) ? value : '?');
  const typeOf = ({ type, shape }: GraphValue) => (shape ? `${type} [${shape.join(', ')}]` : type);
  add('onnx.ir_version', 'int', integer(model.irVersion));
  add('onnx.producer', 'string', graph.producer);
  add('onnx.domain', 'string', model.domain);
  if (model.modelVersion !== 0) add('onnx.model_version', 'int', integer(model.modelVersion));
  for (const { domain, version } of graph.opsets) add(`onnx.opset.${domain}`, 'int', integer(version));
  add('onnx.graph', 'string', graph.name);
  for (const input of graph.inputs) add(`onnx.input.${input.name}`, 'value', typeOf(input));
  for (const output of graph.outputs) add(`onnx.output.${output.name}`, 'value', typeOf(output));
  for (const { name, count } of graph.operators.slice(0, shownOperators))
    add(`onnx.operators.${name}`, 'count', count);
  return [...entries, ...model.properties];
}
