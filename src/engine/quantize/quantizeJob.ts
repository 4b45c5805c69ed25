/** Runs a quantization: plan, free space, backend, and what `writeOutput` does. */
import * as path from 'node:path';
import { LoupeError } from '../../errors';
import type { BackendUse, QuantizeProgress, QuantizeReport, QuantizeRequest } from '../../protocol/engineApi';
import { unmeasuredCount } from '../../protocol/measuredReport';
import { runsAsGraph } from '../../quant/bandKernels/bandKernelFor';
import { resolveChoice } from '../../quant/choice';
import { isGgufRecipe } from '../../quant/gguf/ggufRecipe';
import type { Recipe } from '../../quant/recipe';
import { checkedRecipe } from '../../quant/recipeFile';
import { schemeNamed } from '../../quant/schemes';
import type { ChosenBackend } from '../backends/backends';
import type { OpenedCheckpoint } from '../checkpointCache';
import { kernelCode } from '../encode/quantizeTensor';
import type { Engine, JobContext } from '../jobs';
import { withLayers } from '../recipe/pruneLayers';
import { recipeWithLayers, recipeWithoutLayers } from '../recipe/recipeLayers';
import { assertRoom, freeBytes, neededBytes } from './diskSpace';
import { planGguf } from './gguf/ggufPlan';
import { planOnnx } from './onnxPlan';
import { assertReplaceable } from './outputFolder';
import { planQuantization, type QuantizePlan } from './plan';
import { type AskedPlan, dryRows, quantizeReport } from './quantizeReport';
import { removeLeftovers } from './temporaryOutput';
import { assertResumable, describeKept, findKept, type KeptShards } from './unfinishedOutput';
import { writeOutput } from './writeOutput';

/**
 * Plans and, unless it is a dry run, writes. Rejects as the plan does and as `writeOutput` does, with `exists` or `refused` for a target
 * that may not be replaced, with `io` for one that has no room, with `usage` for options that the format does not take.
 */
export async function quantizeJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  asked: QuantizeRequest,
  context: JobContext<QuantizeProgress>,
): Promise<QuantizeReport> {
  const started = performance.now();
  const { signal } = context;
  const request = await filledRequest(engine, opened, asked, signal);
  const plan: AskedPlan = { ...(await planFor(opened, request)), asked: recordedRecipe(asked) };
  if (request.dryRun) {
    const use: BackendUse = {
      requested: request.backend,
      used: request.backend === 'auto' ? 'cpu' : request.backend,
      reason: 'nothing was computed',
    };
    const report = quantizeReport({ ...plan, request: asked }, use, [], dryRows(plan), started);
    return request.sizesOnly ? report : { ...report, ...(await prospect(plan, leavesLayersOpen(asked))) };
  }
  // Probing backends takes a second, so what is bound to fail fails first.
  if (!plan.asFiles) await assertReplaceable(plan.out, request.overwrite);
  const kept = request.resume ? await keptFor(plan) : undefined;
  await assertRoom(plan, kept ? (await describeKept(kept, plan)).bytesDone : 0);
  const backend = await backendFor(engine, plan);
  try {
    const written = await writeOutput(engine, plan, backend, kept, context);
    const report = quantizeReport(plan, backend.use, written.outputs, written.rows, started);
    return unmeasuredCount(report) === 0
      ? report
      : { ...report, ...(await generationsOf(engine, opened, report)) };
  } catch (thrown) {
    const error = LoupeError.from(thrown);
    const gpuFailed = request.backend === 'auto' && backend.use.used !== 'cpu' && error.code === 'compute';
    if (!gpuFailed) throw error;
    // A GPU that passed its probe failed on real work: its reason is kept, and the next candidate does it.
    engine.backends.fellThrough(backend.use.used, error.message);
  } finally {
    await backend.release();
  }
  const resume = asked.keepFinished || asked.resume;
  return quantizeJob(engine, opened, { ...asked, resume }, context);
}

/** What errors that are measured later must find unchanged. The output is there: failing to look at it again is no failure of the job. */
async function generationsOf(
  { cache }: Engine,
  { generation }: OpenedCheckpoint,
  { open }: Pick<QuantizeReport, 'open'>,
): Promise<Pick<QuantizeReport, 'generation' | 'outputGeneration'>> {
  const written = await cache.once(open).catch(() => undefined);
  return { generation, outputGeneration: written?.generation };
}

/** Target and sizes of a request, without reading values. Throws what planning throws. */
export async function sizesPlan(
  engine: Engine,
  opened: OpenedCheckpoint,
  asked: QuantizeRequest,
  signal: AbortSignal,
): Promise<QuantizePlan> {
  // GGUF's sizes follow from the types that are written, and its target from them.
  const request = { ...asked, dryRun: true, sizesOnly: opened.checkpoint.format !== 'gguf' };
  return planFor(opened, await filledRequest(engine, opened, request, signal));
}

/** Everything that is decided before anything is written. Throws what `planOnnx` and `planQuantization` throw. */
export async function planFor(opened: OpenedCheckpoint, request: QuantizeRequest): Promise<QuantizePlan> {
  try {
    return await planOf(opened, request);
  } catch (thrown) {
    throw namingFile(opened, thrown);
  }
}

/** A refusal that names no file comes out naming that of its tensor, else the model. */
function namingFile(opened: OpenedCheckpoint, thrown: unknown): unknown {
  if (!(thrown instanceof LoupeError) || thrown.file !== undefined) return thrown;
  const { code, message, tensor, byteOffset } = thrown;
  if (code === 'usage' || code === 'cancelled') return thrown;
  const { checkpoint } = opened;
  const index = tensor === undefined ? undefined : opened.indexOf(tensor);
  const file = index === undefined ? checkpoint.path : checkpoint.files[opened.tensor(index).file]?.path;
  return new LoupeError(code, message, { file, tensor, byteOffset });
}

async function planOf({ checkpoint }: OpenedCheckpoint, request: QuantizeRequest): Promise<QuantizePlan> {
  const isConverted = checkpoint.format === 'safetensors' && request.recipe && isGgufRecipe(request.recipe);
  if (request.gguf || isConverted) return planGguf(checkpoint, request);
  if (checkpoint.format !== 'onnx' && checkpoint.format !== 'gguf')
    return planQuantization(checkpoint, request);
  if (request.maxShardBytes !== undefined && checkpoint.format === 'onnx') {
    throw new LoupeError('usage', 'An ONNX model is not cut into shards; leave the size out.', {
      file: checkpoint.path,
    });
  }
  return checkpoint.format === 'gguf' ? planGguf(checkpoint, request) : planOnnx(checkpoint, request);
}

/** What the output records: a size of shards that was asked for beside a recipe belongs to what made it. */
function recordedRecipe({ recipe, maxShardBytes }: QuantizeRequest): Recipe | undefined {
  return recipe && maxShardBytes !== undefined ? { ...recipe, maxShardBytes } : recipe;
}

/** What a dry run tells of the target's disk, and of an earlier job for the target. */
async function prospect(
  plan: QuantizePlan,
  isOpen: boolean,
): Promise<Pick<QuantizeReport, 'space' | 'unfinished'>> {
  const kept = await findKept(plan);
  // What cannot be told now is refused, if need be, when it is to be written.
  const free = await freeBytes(plan.out).catch(() => undefined);
  return {
    space: { neededBytes: neededBytes(plan), freeBytes: free },
    ...(kept ? { unfinished: await describeKept(kept, plan, isOpen) } : {}),
  };
}

/** Whether layers that are pruned are still to be chosen by their values, which a dry run does not read. */
function leavesLayersOpen(asked: QuantizeRequest): boolean {
  const choices = asked.recipe
    ? [asked.recipe.default, ...asked.recipe.rules.map(({ choice }) => choice)]
    : [asked];
  return choices.some(
    (choice) => choice !== 'keep' && resolveChoice(choice).prune === 'layers' && choice.layers === undefined,
  );
}

/** What an interrupted job kept, if anything. Throws `refused` where it belongs to another source, recipe or version. */
async function keptFor(plan: QuantizePlan): Promise<KeptShards | undefined> {
  // Folders of killed processes get the names here that they are taken by.
  await removeLeftovers(path.dirname(plan.out)).catch(() => []);
  const kept = await findKept(plan);
  if (kept) await assertResumable(kept, plan);
  return kept;
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
  // A GGUF file is never pruned.
  if (opened.checkpoint.format === 'gguf') return asked;
  if (!asked.dryRun) return withLayers(engine, opened, asked, asked.pure, { signal });
  return { ...asked, ...(resolveChoice(asked).prune === 'layers' ? { layers: asked.layers ?? [] } : {}) };
}

/** What graphs do not know is computed on the CPU. */
async function backendFor(
  engine: Engine,
  { request, shards, asFiles, open }: QuantizePlan,
): Promise<ChosenBackend> {
  const planned = shards.flatMap(({ tensors }) => tensors);
  const usesKernels =
    request.recipe || asFiles
      ? planned.some((tensor) => tensor.kind === 'quantize' && kernelCode(tensor.setting))
      : kernelCode({ choice: resolveChoice(request) });
  const usesGraphs = planned.some((tensor) => tensor.kind === 'quantize' && runsAsGraph(tensor.setting));
  if (usesKernels || usesGraphs) return engine.backends.choose(request.backend);
  if (request.backend !== 'auto' && request.backend !== 'cpu') {
    const chosen = request.recipe ? 'What the recipe asks for' : schemeNamed(request.scheme).label;
    const what = asFiles ? `What goes into ${path.extname(open).slice(1).toUpperCase()} files` : chosen;
    throw new LoupeError(
      'unsupported',
      `${what} is computed on the CPU only; choose the backend "cpu" or "auto".`,
    );
  }
  const chosen = await engine.backends.choose('cpu');
  return { ...chosen, use: { ...chosen.use, requested: request.backend } };
}
