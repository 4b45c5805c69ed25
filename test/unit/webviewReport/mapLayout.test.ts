import { describe, expect, it } from 'vitest';
import { layoutMap, placeOf, shortLabels } from '../../../webview-ui/views/report/mapLayout';

const columnsOf = (names: readonly string[]) =>
  layoutMap(names).map((group) => [group.label, group.columns.map((column) => column.label)]);

describe('placeOf', () => {
  it('takes the first number for the layer and drops .weight', () => {
    expect(placeOf('model.layers.11.self_attn.q_proj.weight')).toEqual({
      stack: 'model.layers',
      indices: [11],
      module: 'self_attn.q_proj',
    });
    expect(placeOf('lm_head.weight')).toEqual({ stack: null, indices: [], module: 'lm_head' });
    expect(placeOf('h.0.attn.c_attn.bias').module).toBe('attn.c_attn.bias');
  });

  it('takes a second number for the expert', () => {
    expect(placeOf('model.layers.3.mlp.experts.7.gate_proj.weight')).toEqual({
      stack: 'model.layers',
      indices: [3, 7],
      module: 'mlp.experts.gate_proj',
    });
  });

  it('does not take a number inside of a word for a layer', () => {
    expect(placeOf('conv1.weight').stack).toBeNull();
  });
});

describe('layoutMap', () => {
  it('puts a llama into q k v o gate up down, layers down', () => {
    const modules = [
      'self_attn.q_proj',
      'mlp.up_proj',
      'mlp.down_proj',
      'self_attn.k_proj',
      'self_attn.v_proj',
      'mlp.gate_proj',
      'self_attn.o_proj',
    ];
    const names = ['model.embed_tokens.weight'];
    for (const layer of [0, 10, 2])
      for (const module of modules) names.push(`model.layers.${layer}.${module}.weight`);
    names.push('model.norm.weight');
    const [layers, outside] = layoutMap(names);
    expect(layers!.columns.map((column) => column.label)).toEqual(['q', 'k', 'v', 'o', 'gate', 'up', 'down']);
    expect(layers!.rows.map((row) => row.label)).toEqual(['0', '2', '10']);
    expect(layers!.rows[1]!.cells.map((index) => names[index!])).toEqual(
      ['self_attn.q', 'self_attn.k', 'self_attn.v', 'self_attn.o', 'mlp.gate', 'mlp.up', 'mlp.down'].map(
        (module) => `model.layers.2.${module}_proj.weight`,
      ),
    );
    expect(outside!.rows).toEqual([
      { label: 'model.embed_tokens', cells: [0] },
      { label: 'model.norm', cells: [names.length - 1] },
    ]);
  });

  it('reads GGUF names', () => {
    const names = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'].map(
      (module) => `blk.0.${module}.weight`,
    );
    expect(columnsOf(names)).toEqual([['blk', ['q', 'k', 'v', 'o', 'gate', 'up', 'down']]]);
  });

  it('tells gpt2 projections of the same last name apart', () => {
    const names = ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'].map(
      (module) => `h.0.${module}.weight`,
    );
    const labels = columnsOf(names)[0]![1] as string[];
    expect(new Set(labels).size).toBe(4);
    expect(labels[0]).toBe('c_attn');
  });

  it('names bert columns without saying dense seven times', () => {
    const names = [
      'attention.self.query',
      'attention.self.key',
      'attention.self.value',
      'attention.output.dense',
      'intermediate.dense',
      'output.dense',
    ].map((module) => `encoder.layer.0.${module}.weight`);
    expect(columnsOf(names)).toEqual([
      ['encoder.layer', ['query', 'key', 'value', 'attention.output', 'intermediate', 'output']],
    ]);
  });

  it('keeps stacks apart and leaves holes where a layer lacks a module', () => {
    const groups = layoutMap([
      'vision.layers.0.fc.weight',
      'text.layers.0.q.weight',
      'text.layers.1.k.weight',
    ]);
    expect(groups.map((group) => group.label)).toEqual(['vision.layers', 'text.layers']);
    expect(groups[1]!.rows).toEqual([
      { label: '0', cells: [1, null] },
      { label: '1', cells: [null, 2] },
    ]);
  });

  it('lists a model without layers one tensor a row', () => {
    const groups = layoutMap(['conv1.weight', 'fc.weight', 'fc.bias']);
    expect(groups).toHaveLength(1);
    expect(groups[0]!.rows.map((row) => [row.label, row.cells])).toEqual([
      ['conv1', [0]],
      ['fc', [1]],
      ['fc.bias', [2]],
    ]);
  });

  it('loses no tensor and shows none twice', () => {
    const names = ['a.0.x.weight', 'a.0.x.1.weight', 'a.0.x.bias', '0', '', 'a.weight', 'b.7.weight', 'b.7'];
    const shown = layoutMap(names).flatMap((group) => group.rows.flatMap((row) => row.cells));
    const present = shown.filter((index) => index !== null).sort((a, b) => a - b);
    expect(present).toEqual(names.map((_, index) => index));
  });
});

it('shortLabels falls back to the whole path', () => {
  expect(shortLabels(['a.b', 'c.b', 'b'])).toEqual(['a.b', 'c.b', 'b']);
});
