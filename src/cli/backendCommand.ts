/** The command `backends`: what can compute codes here, how fast, and what GPUs run natively. */
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { BackendReport, GpuSpecification, GpuSpecifications } from '../protocol/backendApi';
import { gigabytes, numberKinds, sentences, supportWords } from '../protocol/backendTexts';
import { TerminalProgress } from './terminalProgress';
import { textTable } from './textTable';
import type { Print } from './view';

export async function showBackends(
  engine: EngineClient,
  options: { readonly measure: boolean; readonly gpu: string | undefined } | undefined,
  signal: AbortSignal,
  print: Print,
): Promise<void> {
  const specifications = await engine.call('gpuSpecifications', {}, { signal });
  if (options?.gpu !== undefined) {
    const gpu = gpuNamed(specifications, options.gpu);
    print({ gpu }, specificationText(gpu));
    return;
  }
  const reports = options?.measure
    ? await measured(engine, signal)
    : await engine.call('backends', {}, { signal });
  const automatic = reports.find(({ available }) => available)?.name ?? 'cpu';
  const { here } = specifications;
  print(
    { automatic, backends: reports, gpus: here },
    [
      backendTable(reports),
      `Automatic takes ${automatic}.`,
      ...(here.length === 0 ? ['The system tells of no GPU.'] : here.map(specificationText)),
    ].join('\n\n'),
  );
}

async function measured(engine: EngineClient, signal: AbortSignal): Promise<readonly BackendReport[]> {
  const progress = new TerminalProgress('Measuring');
  try {
    return await engine.call(
      'measureBackends',
      {},
      { signal, progress: ({ name, done, total }) => progress.update(done / total, name) },
    );
  } finally {
    progress.end();
  }
}

/** Rows of every candidate: the adapter or why not, memory, driver, and the speed where it was measured. */
function backendTable(reports: readonly BackendReport[]): string {
  return textTable(
    [
      { title: 'backend' },
      { title: 'GB/s', align: 'right' },
      { title: 'computes on' },
      { title: 'memory', align: 'right' },
      { title: 'driver, runtime' },
    ],
    reports.map(({ name, available, reason, advice, adapter, gpu, runtime, measured: speed }) => [
      name,
      speed === undefined ? '' : speed.ok ? gigabytes(speed.bytesPerSecond) : 'failed',
      available
        ? [adapter ?? reason, speed?.ok === false ? speed.reason : ''].filter(Boolean).join(': ')
        : `no: ${sentences({ reason, advice })}`,
      gpu?.memoryBytes === undefined ? '' : binarySize(gpu.memoryBytes),
      [gpu?.driver, runtime].filter(Boolean).join(', '),
    ]),
  );
}

/** A GPU, what it runs natively, and the scheme that follows. */
function specificationText({ name, memoryBytes, architecture, schemes }: GpuSpecification): string {
  const title = [name, architecture?.name, memoryBytes === undefined ? undefined : binarySize(memoryBytes)];
  if (!architecture) return `${name}: unknown to this version; nothing is said of what it runs natively.`;
  const rows = numberKinds.map(([kind, label]) => [`  ${label}`, supportWords[architecture.support[kind]]]);
  return [
    title.filter((part) => part !== undefined).join(', '),
    textTable([{ title: '  kind' }, { title: 'multiplied natively' }], rows),
    ...(architecture.note === undefined ? [] : [`  ${architecture.note}`]),
    ...schemes.map(({ choice, label, why }) => `  ${choice.scheme} (${label}): ${why}`),
  ].join('\n');
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/\s+/g, ' ').trim();

/** The one GPU that a name means: one of the list or one that is here. Throws `usage` for none and for several. */
function gpuNamed({ here, others }: GpuSpecifications, name: string): GpuSpecification {
  const asked = plain(name);
  const all = [...others, ...here];
  const exact = all.find((each) => plain(each.name) === asked);
  if (exact) return exact;
  const close = all.filter((each) => ` ${plain(each.name)} `.includes(` ${asked} `));
  if (close.length === 1) return close[0]!;
  throw new LoupeError(
    'usage',
    close.length === 0
      ? `No GPU "${name}" is known, so nothing can be said of it.`
      : `"${name}" may be ${close.map((each) => each.name).join(', ')}.`,
  );
}
