/** Runs a quantization: plan, free space, shards, the other files, and the rename that makes it appear. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { LoupeError, throwIfAborted } from '../../errors';
import type {
  BackendUse,
  QuantizeProgress,
  QuantizeReport,
  QuantizeRequest,
  TensorError,
} from '../../protocol/engineApi';
import { runsAsGraph } from '../../quant/bandKernels/bandKernelFor';
import { resolveChoice } from '../../quant/choice';
import { checkedRecipe } from '../../quant/recipeFile';
import { schemeNamed } from '../../quant/schemes';
import type { ChosenBackend } from '../backends/backends';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { withLayers } from '../pruneLayers';
import { kernelCode } from '../quantizeTensor';
import { recipeWithLayers, recipeWithoutLayers } from '../recipeLayers';
import { inOrder } from '../worker/inOrder';
import { EarlySync } from './earlySync';
import { planOnnx } from './onnxPlan';
import { OutputFile } from './outputFile';
import { assertReplaceable, OutputFolder } from './outputFolder';
import { planQuantization, type QuantizePlan } from './plan';
import { writeRuns } from './plannedRuns';
import { ProgressMeter } from './progressMeter';
import { type AskedPlan, dryRows, folderOf, quantizeReport } from './quantizeReport';
import { recipeRecord, recipeRecordName } from './recipeRecord';
import { writeTensor } from './writeTensor';

export async function quantizeJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  asked: QuantizeRequest,
  { signal, progress }: JobContext<QuantizeProgress>,
): Promise<QuantizeReport> {
  const started = performance.now();
  const request = await filledRequest(engine, opened, asked, signal);
  const { checkpoint } = opened;
  const planned =
    checkpoint.format === 'onnx'
      ? await planOnnx(checkpoint, request)
      : await planQuantization(checkpoint, request);
  const plan = { ...planned, asked: asked.recipe };
  if (request.dryRun) {
    const use: BackendUse = {
      requested: request.backend,
      used: request.backend === 'auto' ? 'cpu' : request.backend,
      reason: 'nothing was computed',
    };
    return quantizeReport({ ...plan, request: asked }, use, [], dryRows(plan), started);
  }
  // Probing backends takes a second, so what is bound to fail fails first.
  if (!plan.asFiles) await assertReplaceable(plan.out, request.overwrite);
  await assertSpace(plan);
  const backend = await backendFor(engine, plan);
  try {
    const written = await write(engine, plan, backend, signal, progress);
    return quantizeReport(plan, backend.use, written.outputs, written.rows, started);
  } catch (thrown) {
    const error = LoupeError.from(thrown);
    const gpuFailed = request.backend === 'auto' && backend.use.used !== 'cpu' && error.code === 'compute';
    if (!gpuFailed) throw error;
    // A GPU that passed its probe failed on real work: its reason is kept, and the next candidate does it.
    engine.backends.fellThrough(backend.use.used, error.message);
  } finally {
    await backend.release();
  }
  return quantizeJob(engine, opened, asked, { signal, progress });
}

/** The request with the layers that are pruned filled in; in a dry run they are left open. */
async function filledRequest(
  engine: Engine,
  opened: OpenedCheckpoint,
  asked: QuantizeRequest,
  signal: AbortSignal,
): Promise<QuantizeRequest> {
  if (asked.recipe) {
    const recipe = checkedRecipe(asked.recipe);
    return {
      ...asked,
      recipe: asked.dryRun
        ? recipeWithoutLayers(recipe)
        : await recipeWithLayers(engine, opened, recipe, { signal }),
    };
  }
  if (!asked.dryRun) return withLayers(engine, opened, asked, asked.pure, { signal });
  return { ...asked, ...(resolveChoice(asked).prune === 'layers' ? { layers: asked.layers ?? [] } : {}) };
}

/** Graphs know linear integers; everything else is computed on the CPU. */
async function backendFor(
  engine: Engine,
  { request, shards, asFiles }: QuantizePlan,
): Promise<ChosenBackend> {
  const planned = shards.flatMap(({ tensors }) => tensors);
  const usesKernels =
    request.recipe || asFiles
      ? planned.some((tensor) => tensor.kind === 'quantize' && kernelCode(tensor.setting))
      : kernelCode({ choice: resolveChoice(request) });
  const usesGraphs = planned.some((tensor) => tensor.kind === 'quantize' && runsAsGraph(tensor.setting));
  if (usesKernels || usesGraphs) return engine.backends.choose(request.backend);
  if (request.backend !== 'auto' && request.backend !== 'cpu') {
    throw new LoupeError(
      'unsupported',
      `${request.recipe ? 'What the recipe asks for' : schemeNamed(request.scheme).label} is computed on the CPU only; choose the backend "cpu" or "auto".`,
    );
  }
  const chosen = await engine.backends.choose('cpu');
  return { ...chosen, use: { ...chosen.use, requested: request.backend } };
}

interface Written {
  readonly outputs: readonly string[];
  readonly rows: readonly TensorError[];
}

async function write(
  engine: Engine,
  plan: AskedPlan,
  backend: ChosenBackend,
  signal: AbortSignal,
  progress: (data: QuantizeProgress) => void,
): Promise<Written> {
  throwIfAborted(signal);
  const { request, checkpoint } = plan;
  const output = await (plan.asFiles ? OutputFile : OutputFolder).create(plan.out, request.overwrite);
  try {
    const meter = new ProgressMeter(checkpoint.tensors, progress);
    const rows: TensorError[] = [];
    const names: string[] = [];
    for (const shard of plan.shards) {
      const file = path.join(output.folder, shard.name);
      await createFile(file, shard.headerBytes, shard.totalBytes);
      names.push(shard.name);
      await writeRuns(engine.pool, file, shard.runs ?? [], signal);
      const sync = await EarlySync.open(file);
      try {
        await inOrder(
          shard.tensors,
          engine.pool.size + 1,
          signal,
          (planned) => writeTensor(engine, backend, plan, planned, file, signal, meter),
          (row) => {
            rows.push(row);
            sync.wrote(row.bytes);
          },
        );
      } finally {
        await sync.close();
      }
    }
    for (const [name, text] of plan.texts) {
      await fs.writeFile(path.join(output.folder, name), text);
      names.push(name);
    }
    if (plan.asked) {
      const record = await recipeRecord(checkpoint, plan.asked, signal);
      const name = plan.asFiles ? `${plan.open}.${recipeRecordName}` : recipeRecordName;
      await fs.writeFile(path.join(output.folder, name), record);
      names.push(name);
    }
    for (const name of plan.sidecars.names) {
      throwIfAborted(signal);
      const target = path.join(output.folder, name);
      await fs.copyFile(path.join(checkpoint.folder, name), target);
      // The copy of a read-only file must be open to being synced, replaced and removed.
      await fs.chmod(target, 0o644);
      names.push(name);
    }
    await assertUnchanged(plan);
    throwIfAborted(signal);
    meter.finish();
    // From here on it is a matter of milliseconds, and it is done or not done.
    await output.commit();
    return { outputs: names.map((name) => path.join(folderOf(plan), name)), rows };
  } catch (thrown) {
    await output.discard();
    throw thrown;
  }
}

async function createFile(file: string, headerBytes: Uint8Array, totalBytes: number): Promise<void> {
  const handle = await fs.open(file, 'wx');
  try {
    await handle.truncate(totalBytes);
    await handle.write(headerBytes, 0, headerBytes.length, 0);
  } finally {
    await handle.close();
  }
}

/** Refuses before writing what cannot fit; a margin covers directories and what others write meanwhile. */
async function assertSpace(plan: QuantizePlan): Promise<void> {
  let texts = 0;
  for (const text of plan.texts.values()) texts += Buffer.byteLength(text);
  const needed = plan.bytesAfter + plan.sidecars.bytes + texts;
  let folder = path.dirname(plan.out);
  for (;;) {
    try {
      const { bavail, bsize } = await fs.statfs(folder);
      const free = bavail * bsize;
      if (free >= needed * 1.01) return;
      throw new LoupeError(
        'io',
        `The output needs ${Math.ceil(needed / 1e6)} MB, but only ${Math.floor(free / 1e6)} MB are free.`,
        { file: plan.out },
      );
    } catch (thrown) {
      const parent = path.dirname(folder);
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT' || parent === folder) throw thrown;
      folder = parent;
    }
  }
}

/** A source that changed while it was read makes a result that mixes two models. */
async function assertUnchanged({ checkpoint }: QuantizePlan): Promise<void> {
  for (const file of checkpoint.files) {
    const { size, mtimeMs } = await fs.stat(file.path);
    if (size === file.bytes && mtimeMs === file.mtimeMs) continue;
    throw new LoupeError('changed', 'The model changed while it was being quantized.', { file: file.path });
  }
}
