import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildModuleMap, type MapGroup, openRows } from '../../../webview-ui/state/moduleMap';
import { readPlainSafetensors } from '../../fixtures/plainSafetensors';

const labels = (group: MapGroup | undefined) => group?.columns.map(({ label }) => label);
const rowLabels = (group: MapGroup | undefined) => group?.rows.map(({ label }) => label);

/** Every tensor of every row, to see that none is lost or told twice. */
const members = (groups: readonly MapGroup[]) =>
  groups.flatMap(({ rows }) => rows.flatMap(({ cells }) => cells.flatMap((cell) => cell ?? [])));

const llama = (layers: number) => [
  'lm_head.weight',
  'model.embed_tokens.weight',
  // As files have them: by name, 10 before 2.
  ...Array.from({ length: layers }, (_, layer) => String(layer))
    .sort()
    .flatMap((layer) =>
      [
        'input_layernorm',
        'mlp.down_proj',
        'mlp.gate_proj',
        'mlp.up_proj',
        'post_attention_layernorm',
        'self_attn.k_proj',
        'self_attn.o_proj',
        'self_attn.q_proj',
        'self_attn.v_proj',
      ].map((module) => `model.layers.${layer}.${module}.weight`),
    ),
  'model.norm.weight',
];

describe('the map of a model', () => {
  it('has layers in their order down, and kinds in the usual order across', () => {
    const names = llama(12);
    const { kind, groups } = buildModuleMap(names);
    expect(kind).toBe('layers');
    expect(groups.map(({ label }) => label)).toEqual(['Embeddings', 'model.layers', 'Outside of layers']);
    const layers = groups[1]!;
    expect(labels(layers)).toEqual(['q', 'k', 'v', 'o', 'gate', 'up', 'down', 'attn norm', 'post-attn norm']);
    expect(rowLabels(layers)).toEqual(Array.from({ length: 12 }, (_, layer) => String(layer)));
    const down = layers.rows[10]!.cells[6]!;
    expect(down.map((tensor) => names[tensor])).toEqual(['model.layers.10.mlp.down_proj.weight']);
    expect(rowLabels(groups[2])).toEqual(['model.norm', 'lm_head']);
    expect(members(groups).sort((a, b) => a - b)).toEqual([...names.keys()]);
  });

  it('keeps encoder and decoder apart, each with its own kinds', () => {
    const { groups } = buildModuleMap([
      'shared.weight',
      ...[0, 1].flatMap((block) => [
        `encoder.block.${block}.layer.0.SelfAttention.q.weight`,
        `encoder.block.${block}.layer.1.DenseReluDense.wo.weight`,
        `decoder.block.${block}.layer.0.SelfAttention.q.weight`,
        `decoder.block.${block}.layer.1.EncDecAttention.q.weight`,
        `decoder.block.${block}.layer.2.DenseReluDense.wo.weight`,
      ]),
    ]);
    expect(groups.slice(0, 2).map(({ label }) => label)).toEqual(['encoder.block', 'decoder.block']);
    expect(labels(groups[0])).toEqual(['q', 'down']);
    expect(labels(groups[1])).toEqual(['q', 'cross q', 'down']);
  });

  it('puts biases behind the weights', () => {
    const { groups } = buildModuleMap(
      [0, 1].flatMap((layer) =>
        ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj', 'ln_1', 'ln_2'].flatMap((module) => [
          `h.${layer}.${module}.weight`,
          `h.${layer}.${module}.bias`,
        ]),
      ),
    );
    const weights = ['qkv', 'o', 'up', 'down', 'attn norm', 'ffn norm'];
    const found = labels(groups[0])!;
    expect(found.slice(0, 6)).toEqual(weights);
    expect(found.slice(6).sort()).toEqual(weights.map((label) => `${label} bias`).sort());
  });

  it('gathers experts in one cell that opens to a row for each', () => {
    const names = [0, 1].flatMap((layer) => [
      `model.layers.${layer}.self_attn.q_proj.weight`,
      `model.layers.${layer}.mlp.gate.weight`,
      // 10 before 2, as names are sorted.
      ...[0, 1, 10, 11, 2, 3].flatMap((expert) =>
        ['down_proj', 'up_proj'].map((part) => `model.layers.${layer}.mlp.experts.${expert}.${part}.weight`),
      ),
    ]);
    const { groups } = buildModuleMap(names);
    const [group] = groups;
    expect(labels(group)).toEqual(['q', 'router', 'experts up', 'experts down']);
    const layer = group!.rows[1]!;
    expect(layer.cells.map((cell) => cell?.length)).toEqual([1, 1, 6, 6]);
    expect(layer.children.map(({ label }) => label)).toEqual([0, 1, 2, 3, 10, 11].map((n) => `expert ${n}`));
    expect(layer.children[4]!.cells[2]!.map((tensor) => names[tensor])).toEqual([
      'model.layers.1.mlp.experts.10.up_proj.weight',
    ]);
    expect(openRows(group!.rows, new Set()).length).toBe(2);
    expect(openRows(group!.rows, new Set([layer.key])).length).toBe(8);
  });

  it('tells unknown modules of the same last name by their whole paths', () => {
    const { groups } = buildModuleMap(
      [0, 1].flatMap((layer) => [
        `layers.${layer}.self_attn.q_proj.weight`,
        `layers.${layer}.self_attn.k_proj.weight`,
        `layers.${layer}.left.special.weight`,
        `layers.${layer}.right.special.weight`,
      ]),
    );
    expect(labels(groups[0])).toEqual(['q', 'k', 'left.special', 'right.special']);
  });

  it('falls back to the tree of modules, parameters across', () => {
    const names = [
      'conv1.weight',
      'conv1.bias',
      'lstm.weight_ih',
      'lstm.weight_hh',
      'lstm.bias_ih',
      'head.proj.weight',
    ];
    const { kind, groups } = buildModuleMap(names);
    expect(kind).toBe('modules');
    const [group] = groups;
    expect(labels(group)).toEqual(['weight', 'bias', 'weight_ih', 'weight_hh', 'bias_ih']);
    expect(rowLabels(group)).toEqual(['conv1', 'lstm', 'head.proj']);
    expect(members(groups).sort()).toEqual([...names.keys()]);
  });

  it('folds inner modules into their parent', () => {
    const names = ['a.b.weight', 'a.c.weight', 'a.c.d.weight', 'e.weight'];
    const [group] = buildModuleMap(names).groups;
    const a = group!.rows[0]!;
    expect(a.label).toBe('a');
    expect(a.cells[0]!.length).toBe(3);
    expect(openRows(group!.rows, new Set(['a'])).map(({ label, depth }) => [label, depth])).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 1],
      ['e', 0],
    ]);
    expect(openRows(group!.rows, new Set(['a', 'a.c'])).map(({ label }) => label)).toEqual([
      'a',
      'b',
      'c',
      '(itself)',
      'd',
      'e',
    ]);
  });

  it('leaves out a module that holds everything', () => {
    const [group] = buildModuleMap(['net.a.weight', 'net.b.c.weight', 'net.b.d.weight']).groups;
    expect(group!.rows.map(({ label, depth }) => [label, depth])).toEqual([
      ['net.a', 0],
      ['net.b', 0],
    ]);
    expect(group!.rows[1]!.children.map(({ label, depth }) => [label, depth])).toEqual([
      ['c', 1],
      ['d', 1],
    ]);
  });

  it('gives names without structure one column', () => {
    const names = Array.from({ length: 40 }, (_, i) => `onnx::MatMul_${i}`);
    const [group] = buildModuleMap(names).groups;
    expect(labels(group)).toEqual(['values']);
    expect(group!.rows.length).toBe(40);
    expect(group!.rows[7]!.label).toBe('onnx::MatMul_7');
  });

  it('loses no tensor, whatever the names', () => {
    const strange = [
      '',
      '.',
      '..',
      '0',
      '0.0',
      '0.0',
      'x.1',
      'x.1.weight',
      'x.1.weight',
      '__proto__.1.constructor',
      'weight',
    ];
    for (const names of [strange, [...strange, ...llama(3)], ['a'], [], [`${'a.'.repeat(50_000)}weight`]]) {
      const { groups } = buildModuleMap(names);
      expect(members(groups).sort((a, b) => a - b)).toEqual([...names.keys()]);
    }
  });

  it('maps 200 layers of 128 experts', () => {
    const names: string[] = [];
    for (let layer = 0; layer < 200; layer++) {
      names.push(`model.layers.${layer}.self_attn.q_proj.weight`);
      for (let expert = 0; expert < 128; expert++) {
        for (const part of ['gate_proj', 'up_proj', 'down_proj', 'scales'])
          names.push(`model.layers.${layer}.mlp.experts.${expert}.${part}.weight`);
      }
    }
    const { groups } = buildModuleMap(names);
    expect(groups[0]!.rows.length).toBe(200);
    expect(groups[0]!.rows[199]!.children.length).toBe(128);
    expect(members(groups).length).toBe(names.length);
  });
});

const shared = join(import.meta.dirname, '../../../../shared/models');
const files = [
  'demo-llama-3m/model.safetensors',
  'stories260K/hf-f32/model.safetensors',
  'silero/silero_vad_16k.safetensors',
]
  .map((file) => join(shared, file))
  .filter((file) => existsSync(file));
if (files.length === 0) console.log('Skipped: no real models beside the checkout (../shared/models).');

describe.skipIf(files.length === 0)('real models', () => {
  it.each(files)('%s', (file) => {
    const names = [...readPlainSafetensors(file).keys()];
    const { kind, groups } = buildModuleMap(names);
    expect(members(groups).sort((a, b) => a - b)).toEqual([...names.keys()]);
    if (file.includes('silero')) expect(kind).toBe('modules');
    else {
      expect(kind).toBe('layers');
      const layers = groups.find(({ label }) => label === 'model.layers');
      expect(labels(layers)?.slice(0, 7)).toEqual(['q', 'k', 'v', 'o', 'gate', 'up', 'down']);
    }
  });

  it('reads the folder at all', () => {
    expect(readdirSync(shared).length).toBeGreaterThan(0);
  });
});
