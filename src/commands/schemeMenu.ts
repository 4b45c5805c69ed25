/** What the dialogs offer of each scheme: labels, granularities and block sizes. Nothing here talks to VS Code. */
import type { QuickPickItem } from 'vscode';
import type { Granularity } from '../protocol/engineApi';
import { settingFor } from '../quant/choice';
import { storedFormFor } from '../quant/encoding';
import type { Scheme } from '../quant/scheme';
import { schemes } from '../quant/schemes';
import type { SchemeChoice } from '../quant/types';

/** A line of a quick pick. */
export interface Choice<T> extends QuickPickItem {
  readonly value: T;
}

/** What the dialog leads to. */
export type Mode = 'quantize' | 'preview';

const granularityTexts: Readonly<
  Record<Granularity, { label: string; description: string; detail: string }>
> = {
  row: {
    label: 'Per row',
    description: 'one scale per output channel',
    detail: 'An outlier costs precision only in its own row.',
  },
  tensor: {
    label: 'Per tensor',
    description: 'one scale for the whole matrix',
    detail: 'Smallest; one outlier takes precision from every value.',
  },
  column: {
    label: 'Per column',
    description: 'one scale per input channel',
    detail: 'An outlier costs precision only in its own column.',
  },
  block: {
    label: 'Per block',
    description: 'one scale for a short run of values',
    detail: 'Most precise; scales take more room.',
  },
  none: { label: 'No scale', description: '', detail: 'Values are rounded as they are.' },
};

/** What a scheme's quick pick offers: its granularities, each usual block size, and quantized scales. */
export function variantsOf({ name, options }: Scheme): Choice<SchemeChoice>[] {
  return options.granularities.flatMap((granularity): Choice<SchemeChoice>[] => {
    const { label, description, detail } = granularityTexts[granularity];
    if (granularity !== 'block')
      return [{ label, description, detail, value: { scheme: name, granularity } }];
    return usualBlocks(options.blockSizes ?? []).flatMap((blockSize) => {
      const value = { scheme: name, granularity, blockSize } as const;
      const whole = { label: `Per block of ${blockSize}`, description, detail, value };
      if (!options.doubleQuant) return [whole];
      return [
        whole,
        {
          label: `Per block of ${blockSize}, scales quantized`,
          description: 'double quantization',
          detail: 'Scales take a quarter of their room.',
          value: { ...value, doubleQuant: true },
        },
      ];
    });
  });
}

/** The default first, and no more than three. */
const usualBlocks = (sizes: readonly number[]): readonly number[] =>
  sizes.length <= 1 ? sizes : [sizes[0]!, ...sizes.slice(1).filter((size) => size >= 32)].slice(0, 3);

/** Whether a layout of this output (safetensors or ONNX) holds the weights of usual models so. */
export function isWritable(choice: SchemeChoice): boolean {
  const { layout } = storedFormFor(settingFor(choice, 'BF16', { rows: 4096, columns: 4096 }));
  return layout !== 'none' && layout !== 'gguf';
}

/** The schemes of the first step: to be written, only those that a layout holds. Heads need a size that nobody asks for here. */
export function schemeItems(mode: Mode): Choice<Scheme>[] {
  return schemes
    .filter((scheme) => scheme.name !== 'prune-heads')
    .filter((scheme) => mode === 'preview' || variantsOf(scheme).some(({ value }) => isWritable(value)))
    .map((scheme) => ({ value: scheme, label: scheme.label, detail: scheme.detail }));
}
