/** Every scheme that a graph encodes, in every granularity: the codes, values and bytes of the kernels and of the plain code. */
import { fork } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { runsAsGraph } from '../../../../src/quant/bandKernels/bandKernelFor';
import { settingFor } from '../../../../src/quant/choice';
import { schemes } from '../../../../src/quant/schemes';
import type { SchemeChoice } from '../../../../src/quant/types';
import { enginePath, randomValues, temporaryFolder } from '../support';
import type { GraphDifferences, GraphJob } from './graphCodesProgram';
import { softwareVulkan } from './softwareVulkan';

const folder = temporaryFolder();
const program = join(folder, 'graphCodes.mjs');
const jobsPath = join(folder, 'jobs.json');

interface Shape {
  readonly rows: number;
  readonly columns: number;
  readonly tiny?: boolean;
}

/** 92 columns do not divide into blocks; 160 divide into blocks of 16 and 32. */
const shapes: readonly [Shape, Shape] = [
  { rows: 24, columns: 92 },
  { rows: 16, columns: 160 },
];

/**
 * Both zeros, exact ties, outliers, rows of zeros, of one value, and of numbers that are tiny beside the others. With `tiny`
 * there is a row of numbers so small that some graphics processors take them for 0.
 */
function trickyValues(rows: number, columns: number, tiny: boolean): number[] {
  return Array.from(randomValues(rows * columns, columns), (value, i) => {
    const row = Math.floor(i / columns);
    const column = i % columns;
    if (row === 1) return column % 3 === 0 ? -0 : 0;
    if (row === 2) return 0.375;
    // Scales of 1 for 8, 4 and 3 bits: halves are ties.
    if (row === 3) return column === 0 ? 127 : (column % 254) - 126.5;
    if (row === 4) return column % 16 === 0 ? 7 : (column % 14) - 6.5;
    // Halves of the steps of small floats with the largest number 6 or 448.
    if (row === 5) return column % 16 === 0 ? 6 : [0.25, -0.75, 1.25, 1.75, -2.5, 3.5, 5, -0.0][column % 8]!;
    if (row === 6) return column % 16 === 0 ? 448 : (column - 40) * 2 ** -10;
    if (row === 7) return value * 2 ** -(column % 40);
    if (row === 8) return tiny ? value * 2 ** -120 : value * 2 ** -60;
    if (row === 9) return column === 5 ? value * 1e4 : value;
    return value;
  });
}

const granularities = (scheme: (typeof schemes)[number]): SchemeChoice[] =>
  scheme.options.granularities.flatMap((granularity): SchemeChoice[] => {
    const base = { scheme: scheme.name, granularity };
    if (granularity !== 'block') return [base];
    const sizes = scheme.options.blockSizes ?? [];
    const usual = sizes.length > 1 ? sizes.filter((size) => size === 32 || size === 128) : sizes;
    return usual.map((blockSize) => ({ ...base, blockSize }));
  });

/** Zero points of half-quadratic splitting are for rows and blocks of asymmetric integers. */
const hasRefined = ({ scheme, granularity }: SchemeChoice): boolean =>
  scheme.endsWith('-zeropoint') && (granularity === 'row' || granularity === 'block');

const choices = schemes
  .filter(({ family }) => family !== 'pruning')
  .flatMap(granularities)
  .flatMap((choice): SchemeChoice[] => [
    choice,
    ...(choice.scheme === 'nf4' ? [{ ...choice, doubleQuant: true }] : []),
    ...(hasRefined(choice) ? [{ ...choice, clip: 'hqq' as const }] : []),
  ])
  .filter((choice) => runsAsGraph(settingFor(choice, 'F32', shapes[0])));
/** Casts are not among them. */
const jobs = choices.flatMap((choice): GraphJob[] =>
  [...shapes, { ...shapes[0], tiny: true }].map(({ tiny = false, ...shape }: Shape) => ({
    ...{ choice, ...shape, tiny },
    values: trickyValues(shape.rows, shape.columns, tiny),
  })),
);
const software = softwareVulkan(folder);

function differences(provider: string, env: NodeJS.ProcessEnv): Promise<readonly GraphDifferences[]> {
  const kernelsPath = join(enginePath, '../kernels.wasm');
  const child = fork(program, [provider, kernelsPath, jobsPath], { env });
  return new Promise((resolve, reject) => {
    child.on('message', (message) => resolve(message as readonly GraphDifferences[]));
    child.on('error', reject);
    child.on('exit', (code, signal) => reject(new Error(`It ended with ${code ?? signal}.`)));
  });
}

beforeAll(async () => {
  // -0 has no place in JSON.
  writeFileSync(
    jobsPath,
    JSON.stringify(jobs, (_, value) => (Object.is(value, -0) ? -1e-46 : value)),
  );
  symlinkSync(
    fileURLToPath(new URL('../../../../node_modules', import.meta.url)),
    join(folder, 'node_modules'),
    'junction',
  );
  await build({
    entryPoints: [fileURLToPath(new URL('./graphCodesProgram.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['onnxruntime-node'],
    logLevel: 'silent',
  });
});

/** Jobs that are not as they should be; those without tiny numbers must not be left to the kernels. */
const wrong = (results: readonly GraphDifferences[]) =>
  jobs.flatMap(({ choice, columns, tiny }, i) => {
    const { codes, values, bytes, plainCodes, calls } = results[i]!;
    const isSound = codes + values + bytes + plainCodes === 0 && (tiny || calls === 1);
    return isSound ? [] : [{ ...choice, columns, tiny, ...results[i] }];
  });

describe('codes that a graph makes are those of the kernels and of the plain code', () => {
  it('for every family of schemes', () => {
    const names = new Set(choices.map(({ scheme }) => scheme));
    for (const name of [
      'int8-absmax',
      'int2-zeropoint',
      'nf4',
      'fp4',
      'f8-e4m3',
      'f8-e5m2',
      'mxfp4',
      'mxfp8',
    ])
      expect(names).toContain(name);
    for (const name of ['nvfp4', 'ternary', 'bnb-int8']) expect(names).toContain(name);
    expect(choices.some(({ clip }) => clip === 'hqq')).toBe(true);
  });

  it("on ONNX Runtime's CPU provider", async () => {
    expect(wrong(await differences('cpu', process.env))).toEqual([]);
  }, 120_000);

  it.skipIf(!software)(
    'on WebGPU with a software driver',
    async () => {
      expect(wrong(await differences('webgpu', { ...process.env, ...software }))).toEqual([]);
    },
    300_000,
  );
});
