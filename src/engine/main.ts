/** Entry of dist/engine.js: the compute process. It serves its parent over IPC and ends with it. */
import { LoupeError } from '../errors';
import type { EngineContract, OpenProgress } from '../protocol/engineApi';
import { type Handlers, Rpc, type RpcMessage } from '../protocol/rpc';
import { backendHandlers } from './backends/backendHandlers';
import { Backends } from './backends/backends';
import { toBrief, toCatalogue } from './catalogue';
import { CheckpointCache } from './checkpointCache';
import { configCostJob } from './cost/configCostJob';
import { hubCostJob } from './cost/hubCostJob';
import { indexCostJob } from './cost/indexCostJob';
import { modelCostJob } from './cost/modelCostJob';
import { compareJob } from './errors/compareJob';
import { errorsJob } from './errors/errorsJob';
import { errorDetailJob, errorTileJob } from './errors/errorViewJobs';
import { editMetadataJob } from './gguf/editMetadataJob';
import { ggufErrorJob } from './gguf/ggufErrorJob';
import { ggufTypeChoicesJob } from './gguf/ggufTypeChoicesJob';
import { listHubChoices, openHubModel } from './hubModels';
import { importanceJob } from './importance/importanceJob';
import { modelImportance } from './importance/modelImportance';
import type { Engine } from './jobs';
import { memoryChoices } from './memory/memoryDevices';
import { memoryJob } from './memory/memoryJob';
import { schemeBytesJob } from './memory/schemeBytesJob';
import { metadataSliceJob } from './metadataSliceJob';
import { deletionPlan } from './models/deletionPlan';
import { duplicateModels } from './models/duplicateModels';
import { listModels } from './models/listModels';
import { cleanJournal } from './quantize/outputJournal';
import { QuantizeQueue } from './quantize/quantizeQueue';
import { removeLeftovers } from './quantize/temporaryOutput';
import { recipePlanJob } from './recipe/recipePlanJob';
import { sensitivityJob } from './sensitivity/sensitivityJob';
import { distributionJob } from './stats/distributionJob';
import { StatsCaches } from './stats/statsCache';
import { statsJob } from './stats/statsJob';
import { elementJob } from './view/elementJob';
import { profileJob } from './view/profileJob';
import { saveJob } from './view/saveJob';
import { textJob } from './view/textJob';
import { tileJob } from './view/tileJob';
import { valuesJob } from './view/valuesJob';
import { defaultWorkerCount, WorkerPool } from './worker/pool';

const workerEntry = new URL('./worker.js', import.meta.url);
const pool = new WorkerPool(workerEntry, defaultWorkerCount());
const engine: Engine = {
  cache: new CheckpointCache(),
  pool,
  reader: new WorkerPool(workerEntry, 1),
  backends: new Backends(pool, new URL('./ortWorker.js', import.meta.url)),
};
const { cache } = engine;
const quantizations = new QuantizeQueue(engine);
const statsCaches = new StatsCaches((message) => console.error(message));

/** Jobs that are under way: the process waits for their clean-up when its parent goes. */
const running = new Set<Promise<unknown>>();
function tracked<T>(job: Promise<T>): Promise<T> {
  running.add(job);
  const settle = () => running.delete(job);
  job.then(settle, settle);
  return job;
}

/** Passes on the first message, and then one in a while: a thousand files would be a thousand messages. */
function seldom(progress: (told: OpenProgress) => void): (told: OpenProgress) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (told) => {
    const now = performance.now();
    // A single file has nothing to tell that its catalogue does not.
    if (told.filesTotal < 2 || (told.filesDone > 0 && now - lastMs < 60)) return;
    lastMs = now;
    progress(told);
  };
}

const handlers: Handlers<EngineContract> = {
  hello: () => ({ pid: process.pid, workers: pool.size }),
  open: async ({ path }, { progress }) =>
    toCatalogue((await cache.get(path, undefined, seldom(progress))).checkpoint),
  brief: async ({ path, once }) => toBrief((await (once ? cache.once(path) : cache.get(path))).checkpoint),
  metadataSlice: async (params, context) =>
    metadataSliceJob(await cache.get(params.path, params.generation), params, context),
  ...backendHandlers(engine.backends, tracked),
  stats: async (params, context) => {
    const opened = await cache.get(params.path, params.generation);
    const known = params.cache && (await statsCaches.at(params.cache).model(opened, params));
    return statsJob(engine, opened, params, context, known);
  },
  clearStatsCache: ({ folder }) => statsCaches.at({ folder }).clear(),
  distribution: async (params, context) =>
    distributionJob(engine, await cache.get(params.path, params.generation), params, context),
  tile: async (params, context) =>
    tileJob(engine, await cache.get(params.path, params.generation), params, context),
  values: async (params, context) =>
    valuesJob(engine, await cache.get(params.path, params.generation), params, context),
  element: async (params, context) =>
    elementJob(engine, await cache.get(params.path, params.generation), params, context),
  profile: async (params, context) =>
    profileJob(engine, await cache.get(params.path, params.generation), params, context),
  tensorText: async (params, context) =>
    textJob(engine, await cache.get(params.path, params.generation), params, context),
  saveTensor: async (params, context) =>
    tracked(saveJob(engine, await cache.get(params.path, params.generation), params, context)),
  errors: async (params, context) => errorsJob(engine, await cache.get(params.path), params, context),
  memory: (params) => memoryJob(cache, params),
  listModels: ({ files, caches }) => listModels(files, caches),
  duplicateModels: ({ models }, context) => duplicateModels(models, context),
  deletionPlan: ({ model }) => deletionPlan(model),
  memoryChoices,
  schemeBytes: async ({ path, generation, tensors }) =>
    schemeBytesJob(await cache.get(path, generation), tensors),
  recipePlan: async ({ path, recipe, imatrix }) => recipePlanJob(await cache.get(path), recipe, imatrix),
  compare: async (params, context) =>
    compareJob(
      engine,
      await cache.get(params.path, params.generation),
      await cache.get(params.other, params.otherGeneration),
      params,
      context,
    ),
  sensitivity: async (params, context) =>
    sensitivityJob(engine, await cache.get(params.path, params.generation), params, context),
  importanceCover: async ({ path, generation, imatrix }) =>
    (await modelImportance(await cache.get(path, generation), imatrix)).cover,
  errorTile: async (params, context) => errorTileJob(engine, await cache.get(params.path), params, context),
  errorDetail: async (params, context) =>
    errorDetailJob(engine, await cache.get(params.path), params, context),
  quantize: (params, context) => tracked(quantizations.run(params, context)),
  ggufError: async (params, context) =>
    ggufErrorJob(engine, await engine.cache.get(params.path), params, context),
  ggufTypeChoices: async (params) => ggufTypeChoicesJob(await engine.cache.get(params.path), params),
  importance: async ({ path, generation }) => importanceJob(await engine.cache.get(path, generation)),
  editMetadata: async (params, context) =>
    tracked(editMetadataJob(await cache.get(params.path, params.generation), params, context)),
  discardUnfinished: async (params, context) => {
    await quantizations.discardUnfinished(params, context);
    return {};
  },
  cleanOutputs: async () => ({ removed: await cleanJournal(removeLeftovers) }),
  modelCost: (params) => modelCostJob(cache, params),
  hubCost: (params, { signal }) => hubCostJob(params, signal),
  configCost: (params) => configCostJob(params),
  indexCost: (params) => indexCostJob(cache, params),
  hubChoices: (params, { signal }) => listHubChoices(params, signal),
  hubOpen: (params, { signal, progress }) => openHubModel(params, { signal, progress: seldom(progress) }),
};

const rpc = new Rpc<EngineContract, Record<never, never>>(
  {
    post: (message) => {
      if (process.connected) process.send?.(message, undefined, undefined, () => {});
    },
    onMessage: (listener) => process.on('message', (message) => listener(message as RpcMessage)),
  },
  handlers,
);

process.on('disconnect', () => {
  // Running jobs are told to stop, clean up after themselves, and then nobody needs this process.
  rpc.close(new LoupeError('cancelled', 'The parent process has gone.'));
  void Promise.allSettled(running)
    .then(() => statsCaches.flush())
    .then(() => process.exit(0));
});
// Ctrl-C reaches the whole process group; the command line tells its engine by itself what to stop.
process.on('SIGINT', () => {});
if (!process.connected) {
  console.error(
    'This is the compute process of Tensor Loupe; it is started by the extension or the command line.',
  );
  process.exit(2);
}
