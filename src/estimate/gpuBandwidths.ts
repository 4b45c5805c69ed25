/**
 * Well-known GPUs: memory in GiB where all of a name have the same, and its bandwidth in 10^9 bytes a second, from makers'
 * data sheets and published tables of them; see docs/estimates.md. Bandwidths bound the speed of writing text: each token
 * reads all weights once.
 */
import type { GpuRoom } from './types';

/** "name memory bandwidth", and - for memory that differs from one machine to the next. */
const listed =
  'RTX 3060 12 360; RTX 3080 10 760; RTX 3090 24 936; RTX 4060 8 272; RTX 4060 Ti 16 288; RTX 4070 12 504; RTX 4070 Ti SUPER 16 672; ' +
  'RTX 4080 16 717; RTX 4090 24 1008; RTX 5070 12 672; RTX 5070 Ti 16 896; RTX 5080 16 960; RTX 5090 32 1792; T4 16 320; V100 32 900; ' +
  'L4 24 300; A10 24 600; A40 48 696; RTX A6000 48 768; L40S 48 864; RTX 6000 Ada 48 960; RTX PRO 6000 96 1792; A100 40GB 40 1555; ' +
  'A100 80GB PCIe 80 1935; A100 80GB SXM 80 2039; H100 PCIe 80 2000; H100 SXM 80 3350; H200 141 4800; B200 180 8000; ' +
  'RX 6800 XT 16 512; RX 7900 XTX 24 960; MI300X 192 5300; ' +
  'M1 - 68; M2 - 100; M3 - 100; M4 - 120; M4 Max - 546; M4 Pro - 273; GB10 - 273';

const entries = listed.split(';').map((entry) => {
  const words = entry.trim().split(' ');
  const [memory, bandwidth] = words.slice(-2);
  const name = words.slice(0, -2).join(' ');
  return {
    name,
    words: name.toLowerCase().split(' '),
    memoryBytes: memory === '-' ? undefined : Number(memory) * 2 ** 30,
    bytesPerSecond: Number(bandwidth) * 1e9,
  };
});

/** GPUs of the list whose memory their name tells, from small to large. */
export const commonGpus: readonly GpuRoom[] = entries
  .flatMap(({ name, memoryBytes, bytesPerSecond }) =>
    memoryBytes === undefined ? [] : [{ name, memoryBytes, bytesPerSecond }],
  )
  .sort((a, b) => a.memoryBytes - b.memoryBytes || a.bytesPerSecond - b.bytesPerSecond);

/** Of the entry with the most words that all stand in the name; undefined for a GPU that is not listed. */
export function bandwidthOf(name: string): number | undefined {
  const given = new Set(name.toLowerCase().split(/[^a-z0-9]+/));
  const fits = entries.filter(({ words }) => words.every((word) => given.has(word)));
  return fits.sort((a, b) => b.words.length - a.words.length)[0]?.bytesPerSecond;
}
