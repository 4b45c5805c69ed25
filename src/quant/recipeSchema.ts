/** The JSON schema of recipe files, made of the scheme registry: what editors complete and explain. */
import { keepKinds, policyFor } from './quantizationPolicy';
import { leastShardBytes } from './recipe';
import { type ChoiceField, choiceFields } from './recipeFields';
import { mostRules } from './recipeFile';
import type { Scheme } from './scheme';
import { schemes } from './schemes';
import type { SchemeChoice } from './types';

type Schema = Readonly<Record<string, unknown>>;

/** As draft 7 with the additions that VS Code's JSON support knows (`enumDescriptions`, `defaultSnippets`). */
export function recipeSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Tensor Loupe recipe',
    description: 'Which quantization each tensor of a model gets.',
    type: 'object',
    required: ['version', 'default'],
    additionalProperties: false,
    properties: {
      $schema: { type: 'string', description: 'Where this schema lies; for editors only.' },
      version: { const: 1, description: 'The version of this format.' },
      name: { type: 'string', maxLength: 1000, description: 'What reports and the output folder call it.' },
      model: {
        type: 'string',
        maxLength: 1000,
        description:
          "The model that the recipe is checked against while it is edited, relative to the recipe's folder.",
      },
      imatrix: {
        type: 'object',
        required: ['file'],
        additionalProperties: false,
        description: "An importance matrix of llama-imatrix, which ggml's types weigh errors by.",
        properties: {
          file: {
            type: 'string',
            maxLength: 1000,
            description: "Its path relative to the recipe's folder, with forward slashes.",
          },
          sha256: {
            type: 'string',
            pattern: '^[0-9a-f]{64}$',
            description: 'Of the file, in hexadecimal: another file is refused.',
          },
        },
      },
      default: {
        $ref: '#/definitions/choice',
        description: 'For tensors that no rule matches and nothing keeps.',
      },
      keep: {
        type: 'array',
        uniqueItems: true,
        description:
          'Kinds of tensors that the default leaves alone; rules may still name them. Left out: what the scheme of the default keeps by itself.',
        items: {
          enum: keepKinds.map(({ kind }) => kind),
          enumDescriptions: keepKinds.map(({ detail }) => detail),
        },
      },
      maxShardBytes: {
        type: 'integer',
        minimum: leastShardBytes,
        description:
          "Cut the output of a safetensors model into files of at most so many bytes, headers included. Left out: the source's shards.",
      },
      rules: {
        type: 'array',
        maxItems: mostRules,
        description: 'The first rule whose pattern matches a tensor decides about it.',
        items: { $ref: '#/definitions/rule' },
      },
    },
    defaultSnippets: [
      {
        label: 'recipe',
        body: {
          version: 1,
          default: { scheme: 'int4-absmax', granularity: 'block', blockSize: 128 },
          rules: [],
        },
      },
    ],
    definitions: { rule: ruleSchema, choice: choiceSchema() },
  };
}

const ruleSchema: Schema = {
  type: 'object',
  required: ['match', 'choice'],
  additionalProperties: false,
  properties: {
    match: {
      type: 'string',
      minLength: 1,
      maxLength: 512,
      description:
        'Names of tensors: a glob over the whole name (* within a part, ** across dots, ? one character), or an expression between slashes that may match anywhere in it.',
    },
    choice: { $ref: '#/definitions/choice' },
    note: { type: 'string', maxLength: 1000, description: 'Why; for readers.' },
  },
  defaultSnippets: [{ label: 'keep', body: { match: '**.weight', choice: 'keep' } }],
};

function choiceSchema(): Schema {
  const properties: [string, Schema][] = Object.entries(choiceFields).map(([name, field]) => [
    name,
    { ...fieldSchema(field), description: field.description },
  ]);
  const scheme = {
    enum: schemes.map(({ name }) => name),
    enumDescriptions: schemes.map(
      ({ name, label, detail }) => `${label}. ${detail} By default: ${policyFor(name).because}`,
    ),
    description: choiceFields.scheme.description,
  };
  return {
    description: '"keep" leaves the bytes as they are; an object names a scheme and its options.',
    anyOf: [
      { const: 'keep', description: 'Leave the tensor as it is.' },
      {
        type: 'object',
        required: ['scheme'],
        additionalProperties: false,
        properties: { ...Object.fromEntries(properties), scheme },
        allOf: schemes.map((known) => ({
          if: { properties: { scheme: { const: known.name } }, required: ['scheme'] },
          // biome-ignore lint/suspicious/noThenProperty: a word of JSON schema.
          then: { properties: optionsOf(known) },
        })),
      },
    ],
  };
}

function fieldSchema(field: ChoiceField): Schema {
  switch (field.kind) {
    case 'oneOf':
      return { enum: field.values };
    case 'boolean':
      return { type: 'boolean' };
    case 'integer':
      return { type: 'integer', minimum: field.least, maximum: field.most };
    case 'number':
      return {
        type: 'number',
        [field.isAbove ? 'exclusiveMinimum' : 'minimum']: field.least,
        ...(field.most === undefined ? {} : { maximum: field.most }),
      };
    case 'integers':
      return {
        type: 'array',
        maxItems: field.mostItems,
        items: { type: 'integer', minimum: field.least },
      };
  }
}

/** What a scheme takes of the options that not every scheme takes. */
function optionsOf({ options }: Scheme): Partial<Record<keyof SchemeChoice, Schema | false>> {
  const { granularities, blockSizes, clips, doubleQuant, overflow, outliers } = options;
  return {
    granularity: { enum: granularities },
    blockSize: blockSizes ? { enum: blockSizes } : false,
    clip: { enum: clips ?? ['none'] },
    ...(doubleQuant ? {} : { doubleQuant: { const: false } }),
    ...(overflow ? {} : { overflow: false }),
    ...(outliers ? {} : { outlierThreshold: false, outlierFactor: false }),
  };
}
