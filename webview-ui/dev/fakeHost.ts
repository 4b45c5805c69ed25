/**
 * A host in the page: gives the page its `acquireVsCodeApi` and answers as the extension would, from
 * made-up checkpoints. Loaded before the page's own script; the address says what to play.
 */
import type { Catalogue, SensitivityCell } from '../../src/protocol/engineApi';
import type { MemoryChoices, MemoryEstimate } from '../../src/protocol/memoryApi';
import { LoupeError, Rpc, type RpcMessage, type SerializedError } from '../../src/protocol/rpc';
import type { SchemeOffer } from '../../src/protocol/sensitivityPageApi';
import type { CheckpointHostContract, CheckpointPageContract } from '../../src/protocol/webviewApi';
import { fileModel } from './models/fileModel';
import { emptyModel, graphModel, packedModel } from './models/formatModels';
import type { HarnessModel } from './models/harnessModel';
import { importanceModel, madeUpImportance } from './models/importanceModel';
import { brokenModel, largeModel, madeUpModel } from './models/madeUpModel';
import {
  needingOffer,
  offerOf,
  type PlainTensor,
  plainCell,
  plainCover,
  plainErrorTile,
  plainOffers,
  plainPlan,
  plainWeighing,
  weighedCell,
} from './plainSensitivity';
import { plainDistribution, plainStats, plainTile } from './plainStats';

const asked = new URLSearchParams(window.location.search);
const scenario = asked.get('model') ?? 'made-up';
const stepMs = Number(asked.get('step') ?? 0);
const outlierFactor = 4;

async function load(): Promise<HarnessModel> {
  switch (scenario) {
    case 'file': {
      const [file, config] = await Promise.all([
        fetch('/model.safetensors').then((answer) => answer.arrayBuffer()),
        fetch('/config.json').then((answer) => answer.json()),
      ]);
      return fileModel(asked.get('name') ?? 'model', file, config as Record<string, unknown>);
    }
    case 'large':
      return largeModel(Number(asked.get('count') ?? 100_000));
    case 'empty':
      return emptyModel();
    case 'graph':
      return graphModel();
    case 'broken':
      return brokenModel();
    case 'importance':
      return importanceModel();
    case 'packed':
      return packedModel();
    default:
      return madeUpModel(12);
  }
}

let loaded: Promise<HarnessModel> | undefined;
function loadOnce(): Promise<HarnessModel> {
  loaded ??= load();
  return loaded;
}
const actions: unknown[] = [];
const pause = () => new Promise((resolve) => setTimeout(resolve, stepMs));

async function statsOf(tensor: number) {
  const model = await loadOnce();
  const values = model.values(tensor);
  if (!values) return null;
  const { tensors } = model.catalogue;
  const start = tensor === 0 ? 0 : tensors.shapeEnd[tensor - 1]!;
  const isMatrix = tensors.shapeEnd[tensor]! - start > 1;
  const columns = scenario === 'large' ? 64 : isMatrix ? tensors.shapes[start + 1]! : values.length;
  const rows = values.length / columns;
  const finite = values.every(Number.isFinite) ? values : values.filter(Number.isFinite);
  return {
    stats: {
      // As the kernels do: figures are over the finite values, the others are counted.
      ...plainStats(tensors.names[tensor]!, finite, rows, columns, outlierFactor),
      count: values.length,
      nan: values.filter(Number.isNaN).length,
      inf: values.filter((value) => Math.abs(value) === Infinity).length,
      posInf: values.filter((value) => value === Infinity).length,
      negInf: values.filter((value) => value === -Infinity).length,
    },
    values,
    rows,
    columns,
  };
}

/** A tensor as the comparison of schemes sees it: vectors and embeddings are kept. */
function comparedShape(index: number, { tensors }: Catalogue): Omit<PlainTensor, 'values'> {
  const start = index === 0 ? 0 : tensors.shapeEnd[index - 1]!;
  const isMatrix = tensors.shapeEnd[index]! - start > 1;
  const columns = isMatrix ? tensors.shapes[start + 1]! : tensors.elements[index]!;
  const name = tensors.names[index]!;
  const reason = isMatrix ? (/embed/.test(name) ? 'embedding' : undefined) : 'normalization';
  return {
    index,
    dtype: tensors.dtypes[tensors.dtype[index]!]!,
    bytes: tensors.bytes[index]!,
    rows: isMatrix ? tensors.shapes[start]! : 1,
    columns: scenario === 'large' ? 64 : columns,
    kept: reason && `kept: ${reason}`,
  };
}

async function comparedTensor(index: number): Promise<PlainTensor> {
  const model = await loadOnce();
  return { ...comparedShape(index, model.catalogue), values: model.values(index) };
}

let matricesAsked = 0;
const repeated = new Map<string, readonly SensitivityCell[]>();

/** The cells of a tensor; those of the large model repeat, so that the page is what takes the time. */
async function comparedCells(
  index: number,
  offers: readonly SchemeOffer[],
  isExact: boolean,
): Promise<readonly SensitivityCell[]> {
  const { tensors } = (await loadOnce()).catalogue;
  const key = `${index % 8} ${tensors.elements[index]} ${offers.map((offer) => offer.key).join()} ${isExact}`;
  const known = scenario === 'large' ? repeated.get(key) : undefined;
  if (known) return known.map((cell) => ({ ...cell, tensor: index }));
  const tensor = await comparedTensor(index);
  const cells = offers.map((offer, at) => plainCell(tensor, offer, at, isExact));
  repeated.set(key, cells);
  return cells;
}

/** Item of a made-up array: its head as given, then a value that follows from the place. */
function madeUpItem(
  { type, head }: { readonly type: string; readonly head: readonly (string | number | boolean)[] },
  index: number,
): string | number | boolean {
  return head[index] ?? (type === 'string' ? `▁piece${index}` : type === 'f32' ? -index / 10 : 1);
}

/** What the engine's own code answers, outside of the page: the browser's driver has put a function there. */
async function answerOutside<T>(what: 'choices' | 'estimate', request: unknown): Promise<T> {
  const answer = (window as unknown as Record<string, unknown>).memoryAnswer as
    | ((text: string) => Promise<string>)
    | undefined;
  if (!answer) throw new LoupeError('unsupported', 'Nothing outside of this page answers.');
  const text = await answer(JSON.stringify({ what, model: asked.get('memory') ?? 'llama', request }));
  const { error, result } = JSON.parse(text) as { error?: SerializedError; result: T };
  if (error) throw new LoupeError(error.code, error.message);
  return result;
}

let receive: (message: RpcMessage) => void = () => undefined;
/** What the extension's end of the conversation would do; tests call the page through it. */
export const host = new Rpc<CheckpointHostContract, CheckpointPageContract>(
  {
    // As a message event, copied like VS Code's messages are.
    post: (message) => window.postMessage(message, '*'),
    onMessage: (listener) => {
      receive = listener;
    },
  },
  {
    ready: async () => {
      if (scenario === 'loading') await new Promise(() => undefined);
      if (scenario === 'refused') {
        return {
          ok: false,
          fileName: 'broken.safetensors',
          error: {
            code: 'malformed',
            message: 'The tensor ends at byte 9,000,000, but the file has 6,603,200 bytes.',
            file: '/models/broken.safetensors',
            tensor: 'model.layers.3.mlp.up_proj.weight',
            byteOffset: 74_565,
          },
        };
      }
      const { catalogue } = await loadOnce();
      return {
        ok: true,
        catalogue,
        settings: { colorMap: 'viridis', outlierFactor },
        backend: 'CPU: no GPU adapter was found',
        trusted: !asked.has('restricted'),
      };
    },
    stats: async ({ tensor }) => {
      await pause();
      return (await statsOf(tensor))?.stats ?? null;
    },
    analyze: async ({ tensors }, { signal, progress }) => {
      for (let i = 0; i < tensors.length; i++) {
        await pause();
        if (signal.aborted) throw new DOMException('Cancelled.', 'AbortError');
        const found = (await statsOf(tensors[i]!))?.stats;
        const stats = found ? { ...found, histogram: null, channels: undefined, top: [] } : null;
        progress({ batch: [{ index: tensors[i]!, stats }], done: i + 1, total: tensors.length });
      }
      return { done: tensors.length };
    },
    prioritize: () => undefined,
    importance: async () => {
      await pause();
      return madeUpImportance;
    },
    tile: async ({ tensor, rows, columns }) => {
      const found = (await statsOf(tensor))!;
      return plainTile(
        found.values,
        found.rows,
        found.columns,
        Math.min(rows, found.rows),
        Math.min(columns, found.columns),
      );
    },
    metadataSlice: async ({ key, start, count }, { signal }) => {
      const { catalogue } = await loadOnce();
      const isFile = key === 'tokenizer.json' && scenario === 'graph';
      const value = isFile
        ? { type: 'string', length: 300, head: ['<unk>', '<s>'] }
        : catalogue.metadata.find((entry) => entry.key === key)?.value;
      if (typeof value !== 'object') throw new LoupeError('usage', `There is no array ${key}.`);
      await pause();
      if (signal.aborted) throw new DOMException('Cancelled.', 'AbortError');
      const length = Math.max(0, Math.min(count, value.length - start));
      return {
        key,
        type: value.type,
        length: value.length,
        start,
        values: Array.from({ length }, (_, i) => madeUpItem(value, start + i)),
      };
    },
    distribution: async ({ tensor, bins, range, sigmas = [] }) => {
      await pause();
      const found = await statsOf(tensor);
      if (!found) throw new LoupeError('unsupported', 'Its values cannot be read.');
      return plainDistribution(found.values, bins, range, sigmas);
    },
    pickTensor: async ({ title, except }) => {
      actions.push({ kind: 'pickTensor', title, except });
      // As if the user had typed the name that the address gives.
      const { names } = (await loadOnce()).catalogue.tensors;
      const chosen = names.indexOf(asked.get('pick') ?? '');
      return chosen < 0 ? null : chosen;
    },
    schemes: async () => {
      if (asked.get('schemes') === 'fail') throw new LoupeError('engine-died', 'The compute process ended.');
      if (asked.get('schemes') === 'wait') await new Promise(() => undefined);
      const usual = plainOffers.slice(0, 5).map(({ key }) => key);
      return { offers: [...plainOffers, needingOffer], usual, weighing: plainWeighing };
    },
    matrix: async ({ file }) => {
      actions.push({ kind: 'matrix', file });
      await pause();
      const failure =
        asked.get('matrix') === 'fail' || (file !== undefined && asked.get('matrix') === 'gone');
      if (failure)
        throw new LoupeError('malformed', 'The entry blk.0.attn_q.weight ends beyond the file.', { file });
      const name = `/models/calibration-${matricesAsked++ === 0 ? '' : 'b-'}imatrix.gguf`;
      return asked.get('matrix') === 'left'
        ? null
        : plainCover(file ?? name, (await loadOnce()).catalogue.tensors.names);
    },
    sensitivity: async ({ tensors, choices, sampleValues, imatrix }, { signal, progress }) => {
      actions.push({ kind: 'sensitivity', tensors, choices, sampleValues, imatrix });
      const offers = choices.map(offerOf);
      const { names } = (await loadOnce()).catalogue.tensors;
      let cells: SensitivityCell[] = [];
      for (let at = 0; at < tensors.length; at++) {
        if (stepMs > 0 || at % 500 === 0) await pause();
        if (signal.aborted) throw new DOMException('Cancelled.', 'AbortError');
        if (asked.get('compare') === 'fail' && at === 20)
          throw new LoupeError('io', 'The file could not be read at byte 4,096.');
        const own = await comparedCells(tensors[at]!, offers, sampleValues === undefined);
        cells.push(...own.map((cell, i) => weighedCell(cell, offers[i]!, names[tensors[at]!]!, imatrix)));
        if (stepMs > 0 || at % 200 === 199 || at === tensors.length - 1) {
          progress({ done: at + 1, total: tensors.length, cells });
          cells = [];
        }
      }
      return { done: tensors.length };
    },
    schemeErrorTile: async ({ tensor, choice, rows, columns }) => {
      const { values, rows: height, columns: width } = await comparedTensor(tensor);
      const size = [height, width] as const;
      return plainErrorTile(values!, size, offerOf(choice), Math.min(rows, height), Math.min(columns, width));
    },
    recipePlan: async ({ recipe }) => {
      const { catalogue } = await loadOnce();
      return plainPlan(recipe, catalogue.name, catalogue.tensors.names, (tensor) =>
        comparedShape(tensor, catalogue),
      );
    },
    memoryChoices: async () => {
      if (asked.get('memory') === 'wait') await new Promise(() => undefined);
      return answerOutside<MemoryChoices>('choices', {});
    },
    memoryEstimate: async (request) => {
      actions.push({ kind: 'memoryEstimate', request });
      if (asked.get('memory') === 'fail') throw new LoupeError('engine-died', 'The compute process ended.');
      await pause();
      return answerOutside<MemoryEstimate>('estimate', request);
    },
    schemeBytes: async ({ tensors: asked }) => {
      const { tensors } = (await loadOnce()).catalogue;
      const sum = (of: (tensor: number) => number) => asked.reduce((all, tensor) => all + of(tensor), 0);
      const elements = sum((tensor) => tensors.elements[tensor]!);
      const storedBytes = sum((tensor) => tensors.bytes[tensor]!);
      const size = (family: string, label: string, bits: number) => {
        const isKept = asked.every((tensor) => /norm|embed/.test(tensors.names[tensor]!));
        const bytes = isKept ? storedBytes : (elements * bits) / 8;
        const common = { scheme: label.toLowerCase(), label, family, refused: 0 };
        return {
          ...common,
          bytes,
          bitsPerWeight: (8 * bytes) / elements,
          quantized: isKept ? 0 : asked.length,
        };
      };
      return {
        storedBytes,
        sizes: [size('integer', 'INT4', 4.5), size('integer', 'INT8', 8), size('ggml', 'Q4_K', 4.5)],
      };
    },
    showErrors: async (request) => {
      actions.push({ kind: 'showErrors', ...request });
      return undefined;
    },
    recipe: async (request) => {
      actions.push({ kind: 'recipe', ...request });
      return undefined;
    },
    action: async (action) => {
      actions.push(action);
      if (action.kind === 'retry') void host.call('reload', {});
      return undefined;
    },
  },
);

const stateKey = 'harness-state';
const exposed = window as unknown as Record<string, unknown>;
exposed.harness = { host, actions };
exposed.acquireVsCodeApi = () => ({
  postMessage: (message: RpcMessage) => {
    const copy = structuredClone(message);
    setTimeout(() => receive(copy), 0);
  },
  getState: () => JSON.parse(sessionStorage.getItem(stateKey) ?? 'null') ?? undefined,
  setState: (state: unknown) => sessionStorage.setItem(stateKey, JSON.stringify(state)),
});
