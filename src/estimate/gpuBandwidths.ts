/**
 * Memory bandwidths of well-known GPUs in 10^9 bytes a second, from makers' data sheets and published tables of them; see
 * docs/estimates.md. They bound the speed of writing text: each token reads all weights once.
 */
const listed =
  'RTX 3060 360; RTX 3080 760; RTX 3090 936; RTX 4060 272; RTX 4060 Ti 288; RTX 4070 504; RTX 4070 Ti SUPER 672; RTX 4080 717; ' +
  'RTX 4090 1008; RTX 5070 672; RTX 5070 Ti 896; RTX 5080 960; RTX 5090 1792; T4 320; V100 900; L4 300; A10 600; A40 696; RTX A6000 768; ' +
  'L40S 864; RTX 6000 Ada 960; RTX PRO 6000 1792; A100 40GB 1555; A100 80GB PCIe 1935; A100 80GB SXM 2039; H100 PCIe 2000; H100 SXM 3350; ' +
  'H200 4800; B200 8000; RX 6800 XT 512; RX 7900 XTX 960; MI300X 5300; M1 68; M2 100; M3 100; M4 120; M4 Max 546; M4 Pro 273; GB10 273';

const entries = listed.split(';').map((entry) => {
  const words = entry.trim().split(' ');
  return {
    words: words.slice(0, -1).map((word) => word.toLowerCase()),
    bytesPerSecond: Number(words.at(-1)) * 1e9,
  };
});

/** Of the entry with the most words that all stand in the name; undefined for a GPU that is not listed. */
export function bandwidthOf(name: string): number | undefined {
  const given = new Set(name.toLowerCase().split(/[^a-z0-9]+/));
  const fits = entries.filter(({ words }) => words.every((word) => given.has(word)));
  return fits.sort((a, b) => b.words.length - a.words.length)[0]?.bytesPerSecond;
}
