/** The loop of a worker thread: one task after the other, from the memory's start each. */
import { readFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { LoupeError } from '../../errors';
import { Kernels } from '../../kernels/kernels';
import { segmentElements } from '../matrix';
import { runBands, runSurvey } from './bandTasks';
import { runCodes } from './codesTask';
import { runCompare } from './compareTask';
import { runCopy } from './copyTask';
import { runEncode, runRanges } from './encodeTask';
import { runErrorFold } from './errorFoldTask';
import { FileCache } from './fileCache';
import { ownedBuffers } from './ownedBuffers';
import { runSensitivity, runSensitivitySample } from './runSensitivity';
import { runViewTask } from './runViewTask';
import { SegmentReader } from './segmentReader';
import { runStatsBatch } from './statsBatchTask';
import { runCount, runSample, runStats } from './statsTask';
import type { Task, TaskReply, TaskRequest } from './task';
import { runWarm } from './warmTask';
import type { EncodeCall, Encoder, WorkerContext } from './workerContext';

/** The kernels of dist/kernels.wasm, which lies beside every bundle. */
export function loadKernels(): Kernels {
  return Kernels.instantiate(readFileSync(new URL('./kernels.wasm', import.meta.url)));
}

/** The encoder that needs no graph. */
export function kernelEncoder(kernels: Kernels): Encoder {
  return {
    batchElements: segmentElements,
    encode(call: EncodeCall) {
      kernels.encode8(
        call.x,
        call.codes,
        call.rows,
        call.columns,
        call.strideBytes,
        call.inverses,
        call.zeros,
        call.low,
        call.high,
      );
    },
  };
}

/** Answers the messages of the thread that started this one. */
export function serveTasks(kernels: Kernels, encoder: Encoder): void {
  const files = new FileCache();
  const reader = new SegmentReader(kernels, files);
  const port = parentPort;
  if (!port) throw new Error('serveTasks runs in a worker thread');
  let givesWay = false;
  let last: Promise<void> = Promise.resolve();
  port.on('message', (request: TaskRequest) => {
    last = last.then(() => answer(request));
  });

  async function answer({ id, task, cancel }: TaskRequest): Promise<void> {
    const context: WorkerContext = {
      kernels,
      files,
      reader,
      encoder,
      checkCancelled() {
        if (Atomics.load(cancel, 0) !== 0) throw new LoupeError('cancelled', 'Cancelled.');
      },
    };
    let reply: TaskReply;
    if (!givesWay && task.kind !== 'warm') {
      givesWay = true;
      giveWay();
    }
    try {
      kernels.reset();
      context.checkCancelled();
      reply = { id, result: await runTask(context, task) };
    } catch (thrown) {
      reply = { id, error: LoupeError.from(thrown).toJSON() };
    }
    port?.postMessage(reply, 'result' in reply ? ownedBuffers(reply.result) : []);
  }
}

/**
 * Threads that compute give way to the one that reads ahead, which otherwise waits for a turn while the disk stands still, to the one
 * that hands out work, and to the editor. Only Linux has priorities of single threads: elsewhere this would be the whole process's.
 */
function giveWay(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(Math.min(constants.priority.PRIORITY_LOW, getPriority() + 5));
  } catch {
    // A system that does not let it: then all are equal.
  }
}

function runTask(context: WorkerContext, task: Task): unknown {
  switch (task.kind) {
    case 'stats':
      return runStats(context, task);
    case 'statsBatch':
      return runStatsBatch(context, task);
    case 'sample':
      return runSample(context, task);
    case 'count':
      return runCount(context, task);
    case 'ranges':
      return runRanges(context, task);
    case 'encode':
      return runEncode(context, task);
    case 'survey':
      return runSurvey(context, task);
    case 'bands':
      return runBands(context, task);
    case 'compare':
      return runCompare(context, task);
    case 'codes':
      return runCodes(context, task);
    case 'errorFold':
      return runErrorFold(context, task);
    case 'copy':
      return runCopy(context, task);
    case 'warm':
      return runWarm(context, task);
    case 'sensitivity':
      return runSensitivity(context, task);
    case 'sensitivitySample':
      return runSensitivitySample(context, task);
    default:
      return runViewTask(context, task);
  }
}
