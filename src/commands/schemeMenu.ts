/** What the dialogs offer of each scheme: labels, granularities and block sizes. Nothing here talks to VS Code. */
import type { QuickPickItem } from 'vscode';
import type { Granularity } from '../protocol/engineApi';
import type { Scheme } from '../quant/scheme';
import { schemes } from '../quant/schemes';
import type { SchemeChoice } from '../quant/types';
import { isWritable, type Medium, onnxOperators, whyUnwritable } from '../quant/writable';

/** A line of a quick pick. */
export interface Choice<T> extends QuickPickItem {
  readonly value: T;
  /** It only says why it cannot be chosen. */
  readonly refused?: boolean;
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
  const heads = name === 'prune-heads' ? { headSize: usualHeadSize } : {};
  return options.granularities.flatMap((granularity): Choice<SchemeChoice>[] => {
    const { label, description, detail } = granularityTexts[granularity];
    if (granularity !== 'block')
      return [{ label, description, detail, value: { scheme: name, granularity, ...heads } }];
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

/** Rows of an attention head, where the model does not tell. */
export const usualHeadSize = 64;

/** Whether something of the medium holds one of the scheme's usual variants. */
export const isHeld = (scheme: Scheme, medium: Medium): boolean =>
  variantsOf(scheme).some(({ value }) => isWritable(value, medium));

/** The schemes of the first step: to be written, only those that the medium holds. */
export function schemeItems(mode: Mode, medium: Medium = 'safetensors'): Choice<Scheme>[] {
  return schemes
    .filter((scheme) => mode === 'preview' || isHeld(scheme, medium))
    .map((scheme) => ({
      ...{ value: scheme, label: scheme.label, detail: scheme.detail },
      ...(medium === 'onnx' && mode === 'quantize' ? { description: operatorsOf(scheme) } : {}),
    }));
}

/** The operators that hold a scheme's weights in an ONNX graph, by its variants. */
function operatorsOf(scheme: Scheme): string {
  const operators = variantsOf(scheme).flatMap(({ value }) => onnxOperators(value));
  return [...new Set(operators)].join(', ');
}

/**
 * The schemes that no layout of a safetensors model or no operator of an ONNX graph holds, with the reason: they are written as
 * dequantized values. GGUF's own have a dialog of their own.
 */
export function dequantizedItems(mode: Mode, medium: Medium): Choice<Scheme>[] {
  if (mode === 'preview') return [];
  return schemes
    .filter((scheme) => scheme.family !== 'ggml' && !isHeld(scheme, medium))
    .map((scheme) => ({
      ...{ value: scheme, label: scheme.label, description: 'as dequantized values' },
      detail: sentence(reasonAlone(whyUnwritable(variantsOf(scheme)[0]!.value, medium)!)),
    }));
}

/** Without what follows of it, which the line itself says. */
const reasonAlone = (reason: string): string => reason.replace(/; the output "fake" [^.]*/, '');

const sentence = (text: string): string => text[0]!.toUpperCase() + text.slice(1);
