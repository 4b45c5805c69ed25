/** Experts that a checkpoint holds in one tensor, beside the same experts one by one. */
import { describe, expect, it } from 'vitest';
import { Conversions } from './conversionSupport';

const conversions = new Conversions();

interface Weight {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const [hidden, inner, experts] = [32, 64, 3];
const config = {
  hidden_size: hidden,
  intermediate_size: inner,
  moe_intermediate_size: inner,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_experts: experts,
  num_local_experts: experts,
  num_experts_per_tok: 2,
  rms_norm_eps: 1e-5,
  vocab_size: 5,
};

/** Numbers that repeat nowhere near. */
function weight(seed: number, ...shape: number[]): Weight {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, values: Float32Array.from({ length: count }, (_, i) => Math.sin(seed + 1.7 * i) * 3) };
}

function transposed({ shape, values }: Weight): Weight {
  const [rows, columns] = shape as [number, number];
  const turned = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
  return { shape: [columns, rows], values: turned };
}

/** Behind each other along a new first dimension, or below each other in the first one. */
function joined(parts: readonly Weight[], isNewDimension: boolean): Weight {
  const [first, ...rest] = parts[0]!.shape as [number, ...number[]];
  const shape = isNewDimension ? [parts.length, first, ...rest] : [parts.length * first, ...rest];
  return { shape, values: Float32Array.from(parts.flatMap(({ values }) => [...values])) };
}

const others = new Map([['model.embed_tokens.weight', weight(0, 5, hidden)]]);
const layer = 'model.layers.0.mlp';
const gates = Array.from({ length: experts }, (_, at) => weight(10 + at, inner, hidden));
const ups = gates.map((_, at) => weight(20 + at, inner, hidden));
const downs = gates.map((_, at) => weight(30 + at, hidden, inner));
const gateUps = gates.map((gate, at) => joined([gate, ups[at]!], false));

function oneByOne(prefix: string, gate: string, up: string, down: string): Map<string, Weight> {
  const tensors = new Map(others);
  for (let at = 0; at < experts; at++)
    for (const [name, list] of [
      [gate, gates],
      [up, ups],
      [down, downs],
    ] as const)
      tensors.set(`${prefix}.experts.${at}.${name}.weight`, list[at]!);
  return tensors;
}

const stacked = (ending: string, turn = (one: Weight): Weight => one): Map<string, Weight> =>
  new Map([
    ...others,
    [`${layer}.experts.gate_up_proj${ending}`, joined(gateUps.map(turn), true)],
    [`${layer}.experts.down_proj${ending}`, joined(downs.map(turn), true)],
  ]);

describe('experts in one tensor', () => {
  const qwen = () => oneByOne(layer, 'gate_proj', 'up_proj', 'down_proj');
  const mixtral = () => oneByOne('model.layers.0.block_sparse_moe', 'w1', 'w3', 'w2');
  it.each([
    ['mixtral', mixtral],
    ['qwen2_moe', qwen],
    ['qwen3_moe', qwen],
  ] as const)('of a %s become the bytes that they are one by one', async (type, alone) => {
    const typed = { ...config, model_type: type };
    const forms = {
      alone: alone(),
      stacked: stacked(''),
      'with-ending': stacked('.weight'),
      transposed: stacked('', transposed),
    };
    const made = new Map<string, Map<string, Buffer>>();
    for (const [form, tensors] of Object.entries(forms)) {
      const folder = conversions.modelOf(`${type}-${form}`, typed, tensors);
      for (const fileType of ['F32', 'Q8_0', 'Q4_K_M']) {
        const { outputs } = await conversions.convert(folder, fileType);
        made.set(`${form} ${fileType}`, await conversions.tensorBytes(outputs[0]!));
      }
    }
    for (const [key, tensors] of made) {
      const expected = made.get(`alone ${key.split(' ')[1]}`)!;
      expect([...tensors.keys()].sort(), key).toEqual([...expected.keys()].sort());
      for (const [name, bytes] of expected)
        expect(tensors.get(name)!.equals(bytes), `${key} ${name}`).toBe(true);
    }
    // Those one by one are the values themselves, one expert behind the other.
    const gate = made.get('alone F32')!.get('blk.0.ffn_gate_exps.weight')!;
    const values = gates.flatMap((each) => [...each.values]);
    expect(Array.from({ length: values.length }, (_, i) => gate.readFloatLE(4 * i))).toEqual(values);
  });

  it('meet their GGUF file when both are compared', async () => {
    const folder = conversions.modelOf('compared', { ...config, model_type: 'mixtral' }, stacked(''));
    const { outputs } = await conversions.convert(folder, 'F32');
    const { tensors, onlyInFirst, onlyInSecond } = await conversions.engine.call('compare', {
      path: folder,
      other: outputs[0]!,
    });
    expect(tensors.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
      'blk.0.ffn_down_exps.weight identical',
      'blk.0.ffn_gate_exps.weight identical',
      'blk.0.ffn_up_exps.weight identical',
      'token_embd.weight identical',
    ]);
    expect([onlyInFirst, onlyInSecond]).toEqual([[], []]);
  });

  it('of another width than the model are refused by name', async () => {
    const odd = new Map([...others, [`${layer}.experts.down_proj`, weight(1, experts, 40, 48)]]);
    const folder = conversions.modelOf('odd', { ...config, model_type: 'mixtral' }, odd);
    await expect(conversions.convert(folder, 'F16')).rejects.toThrow(
      'model.layers.0.mlp.experts.down_proj is [3, 40, 48], and should be experts',
    );
  });
});
