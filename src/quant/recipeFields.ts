/** The members of a choice in a recipe's file: what may stand there, for reading and for the JSON schema. */
import { pruneMethods, scaleDtypes } from './choice';
import { schemes } from './schemes';
import type { SchemeChoice } from './types';

export type ChoiceField = { readonly description: string } & (
  | { readonly kind: 'oneOf'; readonly values: readonly string[] }
  | { readonly kind: 'number'; readonly least: number; readonly most?: number; readonly isAbove?: boolean }
  | { readonly kind: 'integer'; readonly least: number; readonly most: number }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integers'; readonly least: number; readonly mostItems: number }
);

/** What one scale serves, in the order of menus. */
export const granularities = ['none', 'tensor', 'row', 'column', 'block'] as const;
const mostInteger = 2 ** 31 - 1;

/** In the order in which a file is written. */
export const choiceFields: Readonly<Record<keyof SchemeChoice, ChoiceField>> = {
  scheme: {
    kind: 'oneOf',
    values: schemes.map(({ name }) => name),
    description: 'How values become codes.',
  },
  granularity: {
    kind: 'oneOf',
    values: granularities,
    description:
      'What one scale serves. Left out: "block" where a blockSize is given, else the scheme\'s default.',
  },
  blockSize: {
    kind: 'integer',
    least: 1,
    most: mostInteger,
    description: 'Values that share a scale, with granularity "block".',
  },
  scaleDtype: {
    kind: 'oneOf',
    values: scaleDtypes,
    description: "Type that scales are stored in. Left out: the weight's own float type.",
  },
  clip: {
    kind: 'oneOf',
    values: ['none', 'mse', 'hqq'],
    description:
      'How a scale is found: from the extremes, as the one of least squared error, or by half-quadratic refinement.',
  },
  doubleQuant: { kind: 'boolean', description: 'Quantize the scales of NF4 and FP4 too.' },
  overflow: {
    kind: 'oneOf',
    values: ['saturate', 'nan'],
    description: "What becomes of values beyond an 8-bit float's largest number.",
  },
  outlierThreshold: {
    kind: 'number',
    least: 0,
    isAbove: true,
    description: 'LLM.int8(): columns with a value of at least this magnitude stay in F16.',
  },
  outlierFactor: {
    kind: 'number',
    least: 0,
    isAbove: true,
    description: 'LLM.int8(): columns beyond this many times the median column stay in F16.',
  },
  prune: { kind: 'oneOf', values: pruneMethods, description: 'Set weights to 0 first.' },
  ratio: {
    kind: 'number',
    least: 0,
    most: 1,
    description: 'Share of the weights (rows, columns, heads, layers) that pruning sets to 0.',
  },
  keep: {
    kind: 'integer',
    least: 1,
    most: 1024,
    description: 'N:M pruning keeps this many of every "of" values in a row.',
  },
  of: { kind: 'integer', least: 1, most: 1024, description: 'The M of N:M pruning.' },
  headSize: {
    kind: 'integer',
    least: 1,
    most: mostInteger,
    description: 'Rows of one attention head, for pruning heads.',
  },
  layers: {
    kind: 'integers',
    least: 0,
    mostItems: 10_000,
    description: 'Layers that pruning by layers sets to 0. Left out: those of smallest norm.',
  },
  output: {
    kind: 'oneOf',
    values: ['auto', 'plain', 'fake', 'qdq'],
    description:
      "How it is written: in the scheme's own layout, as plain tensors only, as dequantized values in the weight's type, or in an ONNX model by ONNX's own operators only.",
  },
};

/** Why a value cannot stand in a field, as the end of a sentence that begins with the field's name; undefined: it can. */
export function fieldFault(field: ChoiceField, value: unknown): string | undefined {
  switch (field.kind) {
    case 'oneOf':
      return typeof value === 'string' && field.values.includes(value)
        ? undefined
        : `must be one of ${field.values.map((name) => `"${name}"`).join(', ')}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'integer':
      return isInteger(value, field.least, field.most)
        ? undefined
        : `must be a whole number of ${field.least} to ${field.most}`;
    case 'number': {
      const { least, most = Number.MAX_VALUE, isAbove } = field;
      const isFine = typeof value === 'number' && value <= most && (isAbove ? value > least : value >= least);
      if (isFine) return undefined;
      return isAbove ? `must be a number above ${least}` : `must be a number of ${least} to ${most}`;
    }
    case 'integers': {
      const { least, mostItems } = field;
      const isFine =
        Array.isArray(value) &&
        value.length <= mostItems &&
        value.every((item) => isInteger(item, least, mostInteger));
      return isFine ? undefined : `must be a list of at most ${mostItems} whole numbers from ${least} on`;
    }
  }
}

function isInteger(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
