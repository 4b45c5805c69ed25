/**
 * A host in the page for the tensor viewer: gives the page its `acquireVsCodeApi` and answers as the extension would,
 * from a made-up tensor. Loaded before the page's own script; the address says what to play.
 */
import { LoupeError, Rpc, type RpcMessage } from '../../src/protocol/rpc';
import type { TensorHostContract, TensorPageContract } from '../../src/protocol/tensorViewApi';
import { makeElement, makeHistogram, makeTensor, makeTile, sizeOf, valueAt } from './madeUpTensor';
import { plainStats } from './plainStats';

const asked = new URLSearchParams(window.location.search);
const scenario = asked.get('play') ?? 'plain';
const shape = (asked.get('shape') ?? '300,700').split(',').map(Number);
const blockElements = Number(asked.get('block') ?? 0);
const stepMs = Number(asked.get('step') ?? 0);
const name = asked.get('name') ?? 'model.layers.1.mlp.down_proj.weight';
const outlierFactor = 4;

const tensor = makeTensor(shape, asked.has('nan'));
const [rows, columns] = sizeOf(shape, undefined);
const actions: unknown[] = [];
const tiles: unknown[] = [];
let failures = scenario === 'failing' || scenario === 'dying' ? 1 : 0;
const pause = (ms = stepMs) => new Promise((resolve) => setTimeout(resolve, ms));

function statsOf(values: Float32Array, some: number, others: number) {
  const clean = values.map((value) => (Number.isNaN(value) ? 0 : value));
  return { ...plainStats(name, clean, some, others, outlierFactor), nan: values.filter(Number.isNaN).length };
}

let receive: (message: RpcMessage) => void = () => undefined;
let state: unknown = JSON.parse(asked.get('state') ?? 'null') ?? undefined;

const host = new Rpc<TensorHostContract, TensorPageContract>(
  {
    // Structured clones, as messages between windows are.
    post: (message) => window.postMessage(structuredClone(message)),
    onMessage: (listener) => {
      receive = listener;
    },
  },
  {
    ready: async () => {
      if (scenario === 'opening') await pause(1e9);
      if (scenario === 'refused') {
        const error = new LoupeError('io', 'The file is no longer on disk.');
        return { ok: false as const, error: error.toJSON(), title: name };
      }
      return {
        ok: true as const,
        subject: {
          name,
          checkpoint: 'demo-llama-3m-outliers',
          path: '/models/demo-llama-3m-outliers/model.safetensors',
          dtype: blockElements > 0 ? 'Q4_0' : 'F32',
          shape,
          elements: tensor.values.length,
          bytes: tensor.values.length * 4,
          blockElements,
          unreadable: scenario === 'unreadable' ? 'Values of type C128 are not read.' : undefined,
        },
        settings: { colorMap: 'viridis' as const, outlierFactor },
        kept: { uri: 'file:///models/demo', tensor: name },
      };
    },
    stats: async () => {
      await pause();
      return statsOf(tensor.values, rows, columns);
    },
    distribution: ({ bins, range, sigmas }) => ({
      histogram: makeHistogram(tensor.values, bins, range),
      beyond: (sigmas ?? []).map((sigma) => ({ sigma, count: 0, isExact: true })),
    }),
    pickOverlay: () => ({ index: 1, name: 'another.weight' }),
    tile: async (request) => {
      tiles.push(request);
      if (scenario === 'loading') await pause(1e9);
      await pause();
      if (failures > 0) {
        failures--;
        if (scenario === 'dying') {
          await host.call('notice', { kind: 'engine', message: 'The compute process ended unexpectedly.' });
          throw new LoupeError('engine-died', 'The compute process ended unexpectedly.');
        }
        throw new LoupeError('io', 'Reading the file failed at byte 4,096.');
      }
      return makeTile(tensor, request);
    },
    element: async ({ row, column, slice }) => {
      await pause();
      const reading = makeElement(tensor, row, column, slice);
      if (blockElements === 0) return reading;
      const block = {
        elements: blockElements,
        index: Math.floor(reading.index / blockElements),
        position: reading.index % blockElements,
        parts: [],
        text: 'd = 0.0123, code 7: (7 - 8) x 0.0123 = -0.0123',
      };
      return { ...reading, dtype: 'Q4_0', stored: null, block };
    },
    profile: ({ slice }) => {
      const [some, others] = sizeOf(shape, slice);
      const values = new Float32Array(some * others);
      for (let row = 0; row < some; row++)
        for (let column = 0; column < others; column++)
          values[row * others + column] = valueAt(tensor, row, column, slice);
      const { channels } = statsOf(values, some, others);
      return { rows: channels!.rows, columns: channels!.columns };
    },
    action: (action) => {
      actions.push(action);
      return undefined;
    },
  },
);

Object.assign(window, {
  harness: { host, actions, tiles, tensor, state: () => state },
  acquireVsCodeApi: () => ({
    postMessage: (message: RpcMessage) => receive(structuredClone(message)),
    getState: () => state,
    setState: (saved: unknown) => {
      state = structuredClone(saved);
    },
  }),
});
