/** Prints what a model takes in memory. */
import type { EngineClient } from '../engine/client';
import { binarySize, parameterCount } from '../numeric/sizeText';
import type {
  FitReport,
  MemoryEstimate,
  MemoryParams,
  SchemeRow,
  TrainingReport,
} from '../protocol/memoryApi';
import { idleText, shownRows } from '../protocol/memoryRows';
import { textTable } from './textTable';
import type { Print } from './view';

/** Of a checkpoint's files, or of a config.json alone. */
export async function showMemory(
  engine: EngineClient,
  params: MemoryParams,
  signal: AbortSignal,
  print: Print,
): Promise<number> {
  const estimate = await engine.call('memory', params, { signal });
  print(estimate, memoryText(estimate));
  return 0;
}

type Bounded = MemoryEstimate['total'];

/** A size, and between which bounds it lies where it is not exact. */
function size({ bytes, low, high, certainty }: Bounded): string[] {
  const range = certainty === 'exact' ? 'exact' : `${binarySize(low)} to ${binarySize(high)}`;
  return certainty === 'unknown' ? ['?', 'not known'] : [binarySize(bytes), range];
}

function memoryText(estimate: MemoryEstimate): string {
  const { parameters, setting, fit, fits, training, notes } = estimate;
  const use = training
    ? trainingTitle(training)
    : `${setting.runtime}, ${setting.context} tokens, batch ${setting.batch}`;
  return [
    `${parameterCount(parameters)} parameters; ${use}`,
    training
      ? trainingText(training, `${setting.context} tokens, batch ${setting.batch}`)
      : partsText(estimate),
    ...(fit ? [fitText(fit, fit.gpus.map(({ name }) => name).join(' + '))] : []),
    ...fits.map((each) => fitText(each, each.label)),
    ...(training ? [] : footprintText(estimate)),
    ...(training ? [] : tablesText(estimate)),
    ...notes,
  ].join('\n\n');
}

function partsText({ weights, kvCache, activations, buffers, total, setting }: MemoryEstimate): string {
  const dtypes = Object.entries(weights.byDtype).map(([dtype, bytes]) => `${dtype} ${binarySize(bytes)}`);
  const loaded = setting.dtype === undefined ? dtypes.join(', ') : `loaded as ${setting.dtype}`;
  const cache = `${binarySize(kvCache.bytesPerToken)} a token in ${kvCache.dtype}`;
  return partTable(
    [
      ['weights', weights, loaded],
      ['KV cache', kvCache, cache],
      ['activations', activations, activations.formula ?? ''],
      ['buffers', buffers, ''],
    ],
    total,
  );
}

function partTable(rows: readonly (readonly [string, Bounded, string])[], total: Bounded): string {
  const uncertain = total.certainty === 'unknown' ? ' (of what is known)' : '';
  return textTable(
    [{ title: 'part' }, { title: 'size', align: 'right' }, { title: 'between' }, { title: '' }],
    [
      ...rows.map(([name, part, note]) => [name, ...size(part), note]),
      [
        `total${uncertain}`,
        binarySize(total.bytes),
        `${binarySize(total.low)} to ${binarySize(total.high)}`,
        '',
      ],
    ],
  );
}

const methods = { full: 'full training', lora: 'LoRA', qlora: 'QLoRA' };

function trainingTitle({ setting, trained }: TrainingReport): string {
  const { method, optimizer, ranks, zeroStage, checkpointing } = setting;
  return [
    `${methods[method]} with ${optimizer}`,
    method === 'full' ? setting.precision : `${parameterCount(trained)} of rank ${setting.loraRank} learn`,
    ranks === 1 ? 'one GPU' : `${ranks} GPUs, ZeRO ${zeroStage}`,
    ...(checkpointing ? ['checkpointing'] : []),
  ].join(', ');
}

function trainingText(report: TrainingReport, use: string): string {
  return `on each GPU, ${use}:\n${partTable(
    [
      ['weights', report.weights, ''],
      ['gradients', report.gradients, ''],
      ['optimizer', report.optimizer, 'states, and the float32 copy of the weights'],
      ['activations', report.activations, report.formula],
    ],
    report.total,
  )}`;
}

/** As people read it off a loaded model. */
function footprintText({ footprint, setting }: MemoryEstimate): string[] {
  if (!footprint || setting.runtime !== 'transformers') return [];
  const { f32, f16, int8, int4 } = footprint;
  const bytes = (count: number): string => `${count.toLocaleString('en')} bytes`;
  return [
    `get_memory_footprint() of transformers: ${bytes(f32)} in float32, ${bytes(f16)} in float16, ${bytes(int8)} in 8 bits and ${bytes(int4)} in 4 bits of bitsandbytes, without scales`,
  ];
}

function tablesText(estimate: MemoryEstimate): string[] {
  const { schemes, mixes, idle } = shownRows(estimate);
  return [schemesText([...schemes, ...mixes], estimate.fits), idleText(idle)].filter(
    (text) => text !== undefined,
  );
}

function schemesText(rows: readonly SchemeRow[], fits: readonly FitReport[]): string {
  return textTable(
    [
      { title: 'weights under' },
      { title: 'size', align: 'right' },
      { title: 'bits each', align: 'right' },
      ...(fits.length > 0 ? [{ title: 'total', align: 'right' as const }] : []),
      ...fits.map(({ label }) => ({ title: label })),
      { title: '' },
    ],
    rows.map(({ scheme, bytes, bitsPerWeight, refused, totalBytes, fits: marks = [] }) => [
      scheme,
      binarySize(bytes),
      bitsPerWeight.toFixed(2),
      ...(fits.length > 0 ? [binarySize(totalBytes ?? bytes)] : []),
      ...marks.map(({ verdict, largestContext }) =>
        verdict === 'no' || largestContext === undefined ? verdict : `${verdict}, ${largestContext} tokens`,
      ),
      refused > 0 ? `${refused} tensors do not fit and stay as they are` : '',
    ]),
  );
}

const verdicts = {
  fits: 'fits',
  tight: 'fits only just, if the estimate is not too low',
  no: 'does not fit',
};

function fitText(fit: FitReport, names: string): string {
  const { verdict, neededBytes, roomBytes, offload } = fit;
  const bound = fit.tokensPerSecondBound;
  return [
    `${names}: ${verdicts[verdict]} (${binarySize(neededBytes)} of ${binarySize(roomBytes)} that can be used)`,
    ...lengthText(fit),
    ...(offload ? [`${offload.layers} of ${offload.of} layers fit (--n-gpu-layers ${offload.layers})`] : []),
    ...(bound === undefined
      ? []
      : [`at most ${bound.toPrecision(3)} tokens a second, by the speed of the memory`]),
    ...fit.notes,
  ].join('\n');
}

/** Nothing where nothing tells what a token needs. */
function lengthText({ largestContext, largestBatch, parts }: FitReport): string[] {
  if (largestContext === undefined) return [];
  if (largestContext > 0)
    return [`at most ${largestContext} tokens a sequence, or ${largestBatch} sequences of the context above`];
  const isTraining = parts.some(({ kind }) => kind === 'optimizer');
  return [isTraining ? 'not even one token fits' : 'the weights alone are too large'];
}
