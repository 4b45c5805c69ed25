/** Models that Python, JavaScript and JSON name. */
import { describe, expect, it } from 'vitest';
import { brief, hub, mentionIn } from './mentionSupport';

describe('calls in Python', () => {
  const cases: [string, string, object][] = [
    ['a name', 'AutoModel.from_pretrained("org/some|-model")', {}],
    ['a bare name', "AutoModel.from_pretrained('gp|t2')", { text: 'gpt2' }],
    ['snapshot_download', 'snapshot_download(repo_id="org/|some-model")', {}],
    [
      'pipeline by name',
      'pipeline("text-generation", model="org/|some-model", device=-1)',
      { device: 'cpu' },
    ],
    ['pipeline by place', 'pipeline("text-generation", "org/|some-model", device=0)', { device: 0 }],
    [
      'vLLM',
      'LLM("org/|some-model", quantization="fp8", max_model_len=8_192, tensor_parallel_size=2, kv_cache_dtype="fp8")',
      {
        runtime: 'vllm',
        quantization: 'fp8',
        context: 8192,
        tensorParallel: 2,
        kvDtype: 'fp8',
        valueDtype: 'fp8',
      },
    ],
    [
      'llama-cpp-python',
      'Llama(model_path="org/|some-model", n_ctx=4096, n_gpu_layers=-1)',
      { runtime: 'llama.cpp', context: 4096, gpuLayers: -1 },
    ],
    ['torch_dtype', 'M.from_pretrained("org/|some-model", torch_dtype=torch.float16)', { dtype: 'f16' }],
    ['dtype as text', 'M.from_pretrained("org/|some-model", dtype="bfloat16")', { dtype: 'bf16' }],
    [
      'auto',
      'M.from_pretrained("org/|some-model", dtype="auto", device_map="auto")',
      {
        dtype: 'auto',
        device: 'auto',
      },
    ],
    [
      'a variable of a dtype',
      'd = torch.bfloat16\nM.from_pretrained("org/|some-model", torch_dtype=d)',
      {
        dtype: 'bf16',
      },
    ],
    ['load_in_8bit', 'M.from_pretrained("org/|some-model", load_in_8bit=True)', { quantization: 'int8' }],
    ['load_in_4bit', 'M.from_pretrained("org/|some-model", load_in_4bit=True)', { quantization: 'fp4' }],
    ['load_in_4bit=False', 'M.from_pretrained("org/|some-model", load_in_4bit=False)', {}],
    ['.half()', 'M.from_pretrained("org/|some-model").half().to("cuda")', { dtype: 'f16' }],
    [
      'model_kwargs',
      'pipeline("x", model="org/|some-model", model_kwargs={"torch_dtype": torch.float16, "load_in_8bit": True})',
      { dtype: 'f16', quantization: 'int8' },
    ],
    [
      'a config in the call',
      `M.from_pretrained(
    "org/|some-model",
    quantization_config=BitsAndBytesConfig(
        load_in_4bit=True,  # four bits
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    ),
    device_map={"": 0},
)`,
      { quantization: 'nf4', doubleQuant: true },
    ],
    [
      'a config in scope',
      `bnb = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")

def load():
    other = f(1)
    return M.from_pretrained("org/|some-model", quantization_config=bnb)`,
      { quantization: 'nf4' },
    ],
  ];
  for (const [what, code, expected] of cases) {
    it(`reads ${what}`, () => {
      expect(brief(mentionIn('python', code))).toEqual({ text: hub, kind: 'model', ...expected });
    });
  }

  it('follows a variable to the name that it was given', () => {
    const code = 'name = "org/some-model"\nM.from_pretrained(na|me, load_in_8bit=True)';
    expect(brief(mentionIn('python', code))).toEqual({ text: hub, kind: 'model', quantization: 'int8' });
    expect(mentionIn('python', 'M.from_pretrained(na|me)')).toBeUndefined();
  });

  it('takes the file that a call names', () => {
    const found = mentionIn('python', 'hf_hub_download("org/some-model", "a.Q4_K_M|.gguf")');
    expect(found).toMatchObject({ text: hub, kind: 'model', load: { file: 'a.Q4_K_M.gguf' } });
    const gguf = mentionIn(
      'python',
      'M.from_pretrained("org/|some-model", gguf_file="b.gguf", revision="v1")',
    );
    expect(gguf?.load).toMatchObject({ file: 'b.gguf', revision: 'v1' });
  });

  it('says what it does not understand', () => {
    const code =
      'M.from_pretrained("org/|some-model", quantization_config=GPTQConfig(bits=4), torch_dtype=pick())';
    expect(mentionIn('python', code)?.load.unread).toEqual(['GPTQConfig', 'torch_dtype']);
  });

  it('takes no other argument for a model', () => {
    expect(mentionIn('python', 'M.from_pretrained("org/m", variant="fp|16")')?.kind).toBe('path');
    expect(mentionIn('python', 'pipeline("text|-generation", model="org/m")')?.kind).toBe('path');
    expect(mentionIn('python', 'x = f"org/{na|me}"')).toBeUndefined();
  });

  it('takes org/name where a variable or key holds models', () => {
    for (const code of [
      'MODEL_ID = "org/|some-model"',
      'model: str = "org/|some-model"',
      'run(base_model="org/|some-model")',
      'cfg = {"model_name_or_path": "org/|some-model"}',
    ])
      expect(brief(mentionIn('python', code)), code).toEqual({ text: hub, kind: 'perhaps' });
    expect(mentionIn('python', 'image = "org/|some-image"')?.kind).toBe('path');
  });

  it('reads commands in notebooks, in strings and in lists', () => {
    expect(brief(mentionIn('python', '!vllm serve org/|some-model --dtype half'))).toMatchObject({
      text: hub,
      kind: 'model',
      dtype: 'f16',
    });
    expect(brief(mentionIn('python', '%%bash\nvllm serve org/|some-model'))?.kind).toBe('model');
    expect(mentionIn('python', 'os.system("ollama run llama|3.2:1b")')).toMatchObject({
      text: 'llama3.2:1b',
      kind: 'ollama',
      start: 22,
    });
    expect(
      brief(mentionIn('python', 'run(["vllm", "serve", "org/|some-model", "--dtype", "float16"])')),
    ).toMatchObject({
      kind: 'model',
      dtype: 'f16',
    });
  });
});

describe('other code', () => {
  it('reads JavaScript and TypeScript', () => {
    for (const language of ['javascript', 'typescript', 'typescriptreact', 'javascriptreact']) {
      const code = "const p = await pipeline('feature-extraction', 'org/|some-model', { dtype: 'fp16' });";
      expect(brief(mentionIn(language, code))).toEqual({ text: hub, kind: 'model', dtype: 'f16' });
    }
    expect(
      brief(mentionIn('typescript', 'await AutoModel.from_pretrained<Foo>(`org/|some-model`)'))?.kind,
    ).toBe('model');
    expect(mentionIn('javascript', '// from_pretrained(org/|some-model)')).toBeUndefined();
  });

  it('reads JSON, with the keys beside', () => {
    const json = '{\n "base_model": "org/|some-model",\n "load_in_4bit": true,\n "max_model_len": 512\n}';
    expect(brief(mentionIn('json', json))).toEqual({
      text: hub,
      kind: 'perhaps',
      quantization: 'fp4',
      context: 512,
    });
    expect(mentionIn('jsonc', '{ "image": "org/|some-model" }')?.kind).toBe('path');
    expect(
      brief(mentionIn('json', '{ "args": ["--model", "org/|some-model", "--dtype", "half"] }')),
    ).toMatchObject({
      kind: 'perhaps',
      dtype: 'f16',
    });
  });
});
