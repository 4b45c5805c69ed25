/** Models that YAML, TOML and Markdown name. */
import { describe, expect, it } from 'vitest';
import { brief, hub, mentionIn } from './mentionSupport';

describe('YAML, TOML and Markdown', () => {
  it('reads keys with those beside', () => {
    const yaml = 'x:\n  - base_model: org/|some-model\n    load_in_8bit: true\n  - dtype: half\n';
    expect(brief(mentionIn('yaml', yaml))).toEqual({ text: hub, kind: 'perhaps', quantization: 'int8' });
    const vllm =
      'model: "org/|some-model"\nmax-model-len: 2048 # short\ndtype: bfloat16\nother:\n  quantization: fp8\n';
    expect(brief(mentionIn('yaml', vllm))).toEqual({
      text: hub,
      kind: 'perhaps',
      context: 2048,
      dtype: 'bf16',
    });
    const toml = '[a]\nmodel_id = "org/|some-model"\ndtype = "float16"\n';
    expect(brief(mentionIn('plaintext', toml, 'x.toml'))).toEqual({
      text: hub,
      kind: 'perhaps',
      dtype: 'f16',
    });
    expect(mentionIn('yaml', 'image: org/|some-model')?.kind).toBe('path');
    expect(mentionIn('yaml', 'mod|el: org/some-model')).toBeUndefined();
  });

  it('reads commands in lists and folded texts', () => {
    const list = 'command:\n  - --model\n  - org/|some-model\n  - --max-model-len=8192\n';
    expect(brief(mentionIn('dockercompose', list))).toMatchObject({
      text: hub,
      kind: 'perhaps',
      context: 8192,
    });
    expect(mentionIn('yaml', 'run: vllm serve org/|some-model')).toMatchObject({ kind: 'model', text: hub });
    const inline = 'command: ["--model", "org/|some-model", "--dtype", "half"]';
    expect(brief(mentionIn('yaml', inline))).toMatchObject({ kind: 'perhaps', dtype: 'f16' });
    const folded = 'command: >\n  --model org/|some-model\n  --max-model-len 1024\n';
    expect(brief(mentionIn('yaml', folded))).toMatchObject({ kind: 'perhaps', context: 1024 });
    const script = 'run: |\n  vllm serve org/|>some-model\n  echo --max-model-len 1024\n';
    expect(mentionIn('yaml', script.replace(': |\n', ': |-\n').replace('org/|>', 'org/|>'))).toBeDefined();
  });

  it('reads code in Markdown', () => {
    expect(mentionIn('markdown', "Don't forget: `ollama run llama|3.2`.")).toMatchObject({
      kind: 'ollama',
      text: 'llama3.2',
    });
    expect(mentionIn('markdown', 'Use `M.from_pretrained("org/|some-model")`')?.kind).toBe('model');
    expect(mentionIn('markdown', 'See [the model](models/|a.gguf).')).toMatchObject({
      kind: 'path',
      text: 'models/a.gguf',
    });
    expect(mentionIn('markdown', 'See https://huggingface.co/org/|some-model for it')).toMatchObject({
      kind: 'path',
    });
  });

  it('knows no other language', () => {
    expect(mentionIn('plaintext', 'org/|some-model', 'requirements.txt')).toBeUndefined();
  });
});
