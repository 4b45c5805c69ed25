/**
 * Well-known GPUs by name: "what would an L4 run?". Memory is the maker's figure in GB, taken as GiB, of the usual
 * version; 0 where it is the machine's own. Sources: docs/backends.md, `nvidia-list`, `amd-list`, `intel-list`, `apple-list`.
 */
import type { GpuVendor } from '../../../protocol/backendApi';

export interface GpuModel {
  readonly vendor: GpuVendor;
  readonly name: string;
  /** Id of the architecture. */
  readonly architecture: string;
  /** Undefined where versions differ. */
  readonly memoryGiB?: number | undefined;
}

/** Lines of "name, memory; name, memory". */
function models(vendor: GpuVendor, architecture: string, listed: string): GpuModel[] {
  return listed.split(';').map((entry) => {
    const [name = '', memory] = entry.split(',').map((part) => part.trim());
    return {
      vendor,
      name,
      architecture: `${vendor}-${architecture}`,
      memoryGiB: memory ? Number(memory) : undefined,
    };
  });
}

export const gpuModels: readonly GpuModel[] = [
  ...models('nvidia', 'maxwell', 'Tesla M40; Tesla M60; GeForce GTX 970, 4; GeForce GTX 980 Ti, 6'),
  ...models('nvidia', 'pascal-gp100', 'Tesla P100'),
  ...models(
    'nvidia',
    'pascal',
    'Tesla P4, 8; Tesla P40, 24; GeForce GTX 1060; GeForce GTX 1070, 8; GeForce GTX 1080, 8; GeForce GTX 1080 Ti, 11',
  ),
  ...models('nvidia', 'volta', 'Tesla V100; TITAN V, 12'),
  ...models(
    'nvidia',
    'turing',
    'Tesla T4, 16; Quadro RTX 6000, 24; Quadro RTX 8000, 48; TITAN RTX, 24; GeForce RTX 2060; GeForce RTX 2070, 8; GeForce RTX 2080, 8; GeForce RTX 2080 Ti, 11',
  ),
  ...models(
    'nvidia',
    'ampere',
    'A2, 16; A10, 24; A10G, 24; A16; A30, 24; A40, 48; A100; RTX A4000, 16; RTX A5000, 24; RTX A6000, 48; GeForce RTX 3060; GeForce RTX 3070, 8; GeForce RTX 3080; GeForce RTX 3090, 24; Jetson AGX Orin',
  ),
  ...models(
    'nvidia',
    'ada-lovelace',
    'L4, 24; L40, 48; L40S, 48; RTX 4000 Ada Generation, 20; RTX 6000 Ada Generation, 48; GeForce RTX 4060; GeForce RTX 4070; GeForce RTX 4080, 16; GeForce RTX 4090, 24',
  ),
  ...models('nvidia', 'hopper', 'H20; H100; H200, 141; GH200'),
  ...models('nvidia', 'blackwell', 'B200; B300; GB200; GB300'),
  ...models(
    'nvidia',
    'blackwell-rtx',
    'RTX PRO 6000 Blackwell, 96; GeForce RTX 5060; GeForce RTX 5070, 12; GeForce RTX 5080, 16; GeForce RTX 5090, 32; GB10, 0',
  ),
  ...models('amd', 'vega', 'Radeon RX Vega 64, 8; Radeon Instinct MI25, 16'),
  ...models('amd', 'vega-7-nm', 'Radeon VII, 16; Instinct MI50; Instinct MI60, 32'),
  ...models('amd', 'cdna', 'Instinct MI100, 32'),
  ...models('amd', 'cdna-2', 'Instinct MI210, 64; Instinct MI250, 128; Instinct MI250X, 128'),
  ...models('amd', 'cdna-3', 'Instinct MI300A, 128; Instinct MI300X, 192; Instinct MI325X, 256'),
  ...models('amd', 'cdna-4', 'Instinct MI350X, 288; Instinct MI355X, 288'),
  ...models('amd', 'rdna', 'Radeon RX 5700 XT, 8'),
  ...models(
    'amd',
    'rdna-2',
    'Radeon RX 6600 XT, 8; Radeon RX 6700 XT, 12; Radeon RX 6800 XT, 16; Radeon RX 6900 XT, 16; Radeon PRO W6800, 32',
  ),
  ...models(
    'amd',
    'rdna-3',
    'Radeon RX 7600, 8; Radeon RX 7700 XT, 12; Radeon RX 7800 XT, 16; Radeon RX 7900 XT, 20; Radeon RX 7900 XTX, 24; Radeon PRO W7800; Radeon PRO W7900, 48; Radeon 780M, 0',
  ),
  ...models('amd', 'rdna-3-5', 'Radeon 890M, 0; Radeon 8060S, 0'),
  ...models(
    'amd',
    'rdna-4',
    'Radeon RX 9060 XT; Radeon RX 9070, 16; Radeon RX 9070 XT, 16; Radeon AI PRO R9700, 32',
  ),
  ...models(
    'apple',
    'apple-silicon-m1-to-m4',
    'M1, 0; M1 Pro, 0; M1 Max, 0; M1 Ultra, 0; M2, 0; M2 Pro, 0; M2 Max, 0; M2 Ultra, 0; M3, 0; M3 Pro, 0; M3 Max, 0; M3 Ultra, 0; M4, 0; M4 Pro, 0; M4 Max, 0',
  ),
  ...models('apple', 'apple-silicon-m5', 'M5, 0'),
  ...models(
    'intel',
    'xe-lp-and-xe-lpg',
    'Iris Xe Graphics, 0; UHD Graphics 770, 0; Arc Graphics (Meteor Lake), 0',
  ),
  ...models(
    'intel',
    'xe-hpg',
    'Arc A380, 6; Arc A580, 8; Arc A750, 8; Arc A770; Data Center GPU Flex 170, 16',
  ),
  ...models('intel', 'xe2', 'Arc B570, 10; Arc B580, 12; Arc Pro B50, 16; Arc Pro B60, 24; Arc 140V, 0'),
  ...models('intel', 'xe-hpc', 'Data Center GPU Max 1100, 48; Data Center GPU Max 1550, 128'),
];
