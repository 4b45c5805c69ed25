/**
 * What each GPU architecture multiplies without converting it first. Sources, and which of them say what, stand in
 * docs/backends.md under the keys used here.
 */
import type { GpuArchitecture, GpuVendor, NativeSupport, NumberKind } from '../../../protocol/backendApi';

type Support = Partial<Readonly<Record<NumberKind, NativeSupport>>>;

function architecture(
  vendor: GpuVendor,
  name: string,
  codes: string,
  support: Support,
  sources: string,
  note?: string,
): GpuArchitecture {
  return {
    id: `${vendor}-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`,
    vendor,
    name,
    codes: codes === '' ? [] : codes.split(' '),
    support: { f16: 'none', bf16: 'none', int8: 'none', fp8: 'none', fp4: 'none', ...support },
    note,
    sources: sources.split(' '),
  };
}

const nvidiaSources = 'nvidia-ptx nvidia-guide nvidia-te';
const amdSources = 'amd-precision amd-cdna';
/** Matrix units for 16-bit floats of both kinds and for 8-bit integers: what most architectures of today have. */
const usual: Support = { f16: 'matrix', bf16: 'matrix', int8: 'matrix' };

export const gpuArchitectures: readonly GpuArchitecture[] = [
  architecture('nvidia', 'Maxwell', 'sm_50 sm_52', {}, 'nvidia-guide'),
  architecture('nvidia', 'Pascal GP100', 'sm_60', { f16: 'dot' }, 'nvidia-guide'),
  architecture(
    'nvidia',
    'Pascal',
    'sm_61',
    { int8: 'dot' },
    'nvidia-ptx nvidia-guide',
    'It computes F16 at a small fraction of the speed of F32, so that 16-bit weights are best widened.',
  ),
  architecture('nvidia', 'Volta', 'sm_70', { f16: 'matrix', int8: 'dot' }, nvidiaSources),
  architecture(
    'nvidia',
    'Volta of Xavier',
    'sm_72',
    { f16: 'matrix', int8: 'matrix' },
    'intel-sycl nvidia-guide',
  ),
  architecture('nvidia', 'Turing', 'sm_75', { f16: 'matrix', int8: 'matrix' }, nvidiaSources),
  architecture('nvidia', 'Ampere', 'sm_80 sm_86 sm_87', usual, nvidiaSources),
  architecture('nvidia', 'Ada Lovelace', 'sm_89', { ...usual, fp8: 'matrix' }, nvidiaSources),
  architecture('nvidia', 'Hopper', 'sm_90', { ...usual, fp8: 'matrix' }, nvidiaSources),
  architecture(
    'nvidia',
    'Blackwell',
    'sm_100 sm_103',
    { ...usual, fp8: 'matrix', fp4: 'matrix' },
    `${nvidiaSources} nvidia-hgx`,
    'FP4 comes with a scale for each block, as MXFP4 or NVFP4. B300 and GB300 (sm_103) keep INT8 at much less than the speed of FP8.',
  ),
  architecture(
    'nvidia',
    'Blackwell RTX',
    'sm_120 sm_121',
    { ...usual, fp8: 'matrix', fp4: 'matrix' },
    nvidiaSources,
    'FP4 comes with a scale for each block, as MXFP4 or NVFP4. Its instructions are not those of B200, so kernels must be built for it.',
  ),
  architecture('amd', 'Vega', 'gfx900', { f16: 'dot' }, 'amd-llvm'),
  architecture('amd', 'Vega 7 nm', 'gfx906', { f16: 'dot', int8: 'dot' }, 'amd-llvm'),
  architecture('amd', 'CDNA', 'gfx908', usual, amdSources),
  architecture('amd', 'CDNA 2', 'gfx90a', usual, amdSources),
  architecture(
    'amd',
    'CDNA 3',
    'gfx942',
    { ...usual, fp8: 'matrix' },
    amdSources,
    'Its 8-bit floats are the FNUZ kind, whose largest E4M3 number is 240: loaders convert E4M3 weights when they load them.',
  ),
  architecture(
    'amd',
    'CDNA 4',
    'gfx950',
    { ...usual, fp8: 'matrix', fp4: 'matrix' },
    amdSources,
    'FP4 comes with a scale for each block of 32, as MXFP4.',
  ),
  architecture('amd', 'RDNA', 'gfx1010 gfx1011 gfx1012', { f16: 'dot' }, 'amd-llvm'),
  architecture(
    'amd',
    'RDNA 2',
    'gfx1030 gfx1031 gfx1032 gfx1033 gfx1034 gfx1035 gfx1036',
    { f16: 'dot', int8: 'dot' },
    'amd-llvm',
  ),
  architecture('amd', 'RDNA 3', 'gfx1100 gfx1101 gfx1102 gfx1103', usual, 'amd-precision amd-wmma'),
  architecture('amd', 'RDNA 3.5', 'gfx1150 gfx1151 gfx1152 gfx1153', usual, 'amd-precision amd-wmma'),
  architecture(
    'amd',
    'RDNA 4',
    'gfx1200 gfx1201',
    { ...usual, fp8: 'matrix' },
    'amd-precision amd-wmma amd-mojo',
  ),
  architecture(
    'apple',
    'Apple silicon M1 to M4',
    '',
    { f16: 'dot', bf16: 'dot' },
    'apple-metal',
    'Matrix products run on the ordinary units, so smaller weights save memory and its bandwidth rather than arithmetic.',
  ),
  architecture(
    'apple',
    'Apple silicon M5',
    '',
    { f16: 'matrix', bf16: 'dot' },
    'apple-metal apple-llama',
    'Apple publishes no table of what the matrix units in this GPU multiply; only F16 is entered here.',
  ),
  architecture('intel', 'Xe-LP and Xe-LPG', '', { f16: 'dot', int8: 'dot' }, 'intel-xe'),
  architecture('intel', 'Xe-HPG', '', usual, 'intel-sycl intel-xe'),
  architecture('intel', 'Xe2', '', usual, 'intel-xe intel-dpas'),
  architecture('intel', 'Xe-HPC', '', usual, 'intel-sycl'),
];
