import { describe, expect, it } from 'vitest';
import { mentionAt } from '../../../src/hover/mentionAt';
import type { ModelMention } from '../../../src/hover/modelMention';

/** The mention at the `|` in a document. */
function at(language: string, marked: string, fileName = 'x'): ModelMention | undefined {
  const offset = marked.indexOf('|>') >= 0 ? marked.indexOf('|>') : marked.indexOf('|');
  const width = marked.startsWith('|>', offset) ? 2 : 1;
  const source = marked.slice(0, offset) + marked.slice(offset + width);
  const before = source.slice(0, offset).split('\n');
  const lines = source.split('\n');
  return mentionAt({
    text: (line) => lines[line],
    line: before.length - 1,
    column: before.at(-1)!.length,
    language,
    fileName,
  });
}

/** Kind, text and what is said of loading, in short. */
function brief(found: ModelMention | undefined) {
  return found && { text: found.text, kind: found.kind, ...found.load.setting };
}

const hub = 'org/some-model';

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
      expect(brief(at('python', code))).toEqual({ text: hub, kind: 'model', ...expected });
    });
  }

  it('follows a variable to the name that it was given', () => {
    const code = 'name = "org/some-model"\nM.from_pretrained(na|me, load_in_8bit=True)';
    expect(brief(at('python', code))).toEqual({ text: hub, kind: 'model', quantization: 'int8' });
    expect(at('python', 'M.from_pretrained(na|me)')).toBeUndefined();
  });

  it('takes the file that a call names', () => {
    const found = at('python', 'hf_hub_download("org/some-model", "a.Q4_K_M|.gguf")');
    expect(found).toMatchObject({ text: hub, kind: 'model', load: { file: 'a.Q4_K_M.gguf' } });
    const gguf = at('python', 'M.from_pretrained("org/|some-model", gguf_file="b.gguf", revision="v1")');
    expect(gguf?.load).toMatchObject({ file: 'b.gguf', revision: 'v1' });
  });

  it('says what it does not understand', () => {
    const code =
      'M.from_pretrained("org/|some-model", quantization_config=GPTQConfig(bits=4), torch_dtype=pick())';
    expect(at('python', code)?.load.unread).toEqual(['GPTQConfig', 'torch_dtype']);
  });

  it('takes no other argument for a model', () => {
    expect(at('python', 'M.from_pretrained("org/m", variant="fp|16")')?.kind).toBe('path');
    expect(at('python', 'pipeline("text|-generation", model="org/m")')?.kind).toBe('path');
    expect(at('python', 'x = f"org/{na|me}"')).toBeUndefined();
  });

  it('takes org/name where a variable or key holds models', () => {
    for (const code of [
      'MODEL_ID = "org/|some-model"',
      'model: str = "org/|some-model"',
      'run(base_model="org/|some-model")',
      'cfg = {"model_name_or_path": "org/|some-model"}',
    ])
      expect(brief(at('python', code)), code).toEqual({ text: hub, kind: 'perhaps' });
    expect(at('python', 'image = "org/|some-image"')?.kind).toBe('path');
  });

  it('reads commands in notebooks, in strings and in lists', () => {
    expect(brief(at('python', '!vllm serve org/|some-model --dtype half'))).toMatchObject({
      text: hub,
      kind: 'model',
      dtype: 'f16',
    });
    expect(brief(at('python', '%%bash\nvllm serve org/|some-model'))?.kind).toBe('model');
    expect(at('python', 'os.system("ollama run llama|3.2:1b")')).toMatchObject({
      text: 'llama3.2:1b',
      kind: 'ollama',
      start: 22,
    });
    expect(
      brief(at('python', 'run(["vllm", "serve", "org/|some-model", "--dtype", "float16"])')),
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
      expect(brief(at(language, code))).toEqual({ text: hub, kind: 'model', dtype: 'f16' });
    }
    expect(brief(at('typescript', 'await AutoModel.from_pretrained<Foo>(`org/|some-model`)'))?.kind).toBe(
      'model',
    );
    expect(at('javascript', '// from_pretrained(org/|some-model)')).toBeUndefined();
  });

  it('reads JSON, with the keys beside', () => {
    const json = '{\n "base_model": "org/|some-model",\n "load_in_4bit": true,\n "max_model_len": 512\n}';
    expect(brief(at('json', json))).toEqual({
      text: hub,
      kind: 'perhaps',
      quantization: 'fp4',
      context: 512,
    });
    expect(at('jsonc', '{ "image": "org/|some-model" }')?.kind).toBe('path');
    expect(brief(at('json', '{ "args": ["--model", "org/|some-model", "--dtype", "half"] }'))).toMatchObject({
      kind: 'perhaps',
      dtype: 'f16',
    });
  });
});

describe('commands', () => {
  const cases: [string, string, object][] = [
    [
      'vllm serve',
      'vllm serve org/|some-model --quantization fp8 --max-model-len 8K -tp 2 --kv-cache-dtype fp8',
      {
        kind: 'model',
        runtime: 'vllm',
        quantization: 'fp8',
        context: 8192,
        tensorParallel: 2,
        kvDtype: 'fp8',
        valueDtype: 'fp8',
      },
    ],
    [
      'a continued command',
      'HF_HOME=/x vllm serve \\\n  --dtype bfloat16 \\\n  org/|some-model \\\n  --max-model-len=4096 && echo "done"',
      { kind: 'model', runtime: 'vllm', dtype: 'bf16', context: 4096 },
    ],
    [
      'llama.cpp',
      'llama-server -hf org/|some-model -c 16384 -ngl 99 -ctk q8_0 -ctv q4_0',
      {
        kind: 'model',
        runtime: 'llama.cpp',
        context: 16384,
        gpuLayers: 99,
        kvDtype: 'q8_0',
        valueDtype: 'q4_0',
      },
    ],
    ['--model', 'python serve.py --model org/|some-model', { kind: 'perhaps' }],
    ['--model=', 'python serve.py --model=org/|some-model', { kind: 'perhaps' }],
    ['--model="..."', 'python serve.py --model="org/|some-model"', { kind: 'perhaps' }],
    ['-m', './main -m org/|some-model', { kind: 'perhaps' }],
    ['hf download', 'hf download org/|some-model --local-dir x', { kind: 'model' }],
    ['a variable', 'export MODEL_ID=org/|some-model', { kind: 'perhaps' }],
    ['a quoted variable', 'MODEL="org/|some-model" # the model', { kind: 'perhaps' }],
  ];
  for (const [what, code, expected] of cases) {
    it(`reads ${what}`, () => {
      expect(brief(at('shellscript', code))).toEqual({ text: hub, ...expected });
    });
  }

  it('leaves values in F16 where keys alone have a type', () => {
    const found = at('shellscript', 'llama-cli -hf org/|some-model -ctk q8_0')?.load.setting;
    expect(found).toMatchObject({ kvDtype: 'q8_0', valueDtype: 'f16' });
    expect(at('shellscript', 'llama-cli -hf org/|m -ctv q8_0')?.load.setting.kvDtype).toBeUndefined();
  });

  it('gives the columns of what stands in quotes and behind =', () => {
    for (const code of [
      'x --model="org/|some-model"',
      'x --model=org/|some-model',
      'MODEL="org/|some-model"',
    ]) {
      const plain = code.replace('|', '');
      const found = at('shellscript', code)!;
      expect(plain.slice(found.start, found.end), code).toBe(hub);
    }
  });

  it('reads a command that another one is given', () => {
    const found = at('shellscript', 'docker exec x sh -c "vllm serve org/|some-model --dtype half"');
    expect(brief(found)).toEqual({ text: hub, kind: 'model', runtime: 'vllm', dtype: 'f16' });
    const plain = 'docker exec x sh -c "vllm serve org/some-model --dtype half"';
    expect(plain.slice(found!.start, found!.end)).toBe(hub);
    const list = at('dockerfile', 'CMD ["sh", "-c", "vllm serve org/|some-model"]');
    expect(brief(list)).toEqual({ text: hub, kind: 'model', runtime: 'vllm' });
    expect(brief(at('shellscript', './main -m org/|some-model -c 4096'))).toEqual({
      text: hub,
      kind: 'perhaps',
      context: 4096,
    });
  });

  it('passes by modules, comments and other commands', () => {
    expect(at('shellscript', 'python -m pack|age.module')?.kind).toBe('path');
    expect(at('shellscript', '# vllm serve org/|some-model')?.kind).toBe('path');
    expect(at('shellscript', 'vllm serve org/a; echo org/|some-model')?.kind).toBe('path');
    expect(at('shellscript', 'echo or|g/some')?.kind).toBe('path');
  });

  it('reads Dockerfiles and Makefiles', () => {
    expect(
      brief(at('dockerfile', 'CMD ["vllm", "serve", "org/|some-model", "--dtype", "half"]')),
    ).toMatchObject({
      kind: 'model',
      dtype: 'f16',
    });
    expect(at('dockerfile', 'FROM org/|some-model')?.kind).toBe('path');
    expect(at('dockerfile', 'ENV MODEL_ID=org/|some-model')).toMatchObject({ kind: 'perhaps', text: hub });
    expect(at('makefile', 'MODEL := org/|some-model')).toMatchObject({ kind: 'perhaps', text: hub });
    expect(at('makefile', 'serve:\n\tvllm serve org/|some-model')).toMatchObject({ kind: 'model' });
  });

  it('reads Modelfiles', () => {
    const text = 'FROM ./mo|del.gguf\nPARAMETER num_ctx 8192\n';
    expect(brief(at('plaintext', text, 'Modelfile'))).toEqual({
      text: './model.gguf',
      kind: 'ollama',
      runtime: 'llama.cpp',
      context: 8192,
    });
  });
});

describe('YAML, TOML and Markdown', () => {
  it('reads keys with those beside', () => {
    const yaml = 'x:\n  - base_model: org/|some-model\n    load_in_8bit: true\n  - dtype: half\n';
    expect(brief(at('yaml', yaml))).toEqual({ text: hub, kind: 'perhaps', quantization: 'int8' });
    const vllm =
      'model: "org/|some-model"\nmax-model-len: 2048 # short\ndtype: bfloat16\nother:\n  quantization: fp8\n';
    expect(brief(at('yaml', vllm))).toEqual({ text: hub, kind: 'perhaps', context: 2048, dtype: 'bf16' });
    const toml = '[a]\nmodel_id = "org/|some-model"\ndtype = "float16"\n';
    expect(brief(at('plaintext', toml, 'x.toml'))).toEqual({ text: hub, kind: 'perhaps', dtype: 'f16' });
    expect(at('yaml', 'image: org/|some-model')?.kind).toBe('path');
    expect(at('yaml', 'mod|el: org/some-model')).toBeUndefined();
  });

  it('reads commands in lists and folded texts', () => {
    const list = 'command:\n  - --model\n  - org/|some-model\n  - --max-model-len=8192\n';
    expect(brief(at('dockercompose', list))).toMatchObject({ text: hub, kind: 'perhaps', context: 8192 });
    expect(at('yaml', 'run: vllm serve org/|some-model')).toMatchObject({ kind: 'model', text: hub });
    const inline = 'command: ["--model", "org/|some-model", "--dtype", "half"]';
    expect(brief(at('yaml', inline))).toMatchObject({ kind: 'perhaps', dtype: 'f16' });
    const folded = 'command: >\n  --model org/|some-model\n  --max-model-len 1024\n';
    expect(brief(at('yaml', folded))).toMatchObject({ kind: 'perhaps', context: 1024 });
    const script = 'run: |\n  vllm serve org/|>some-model\n  echo --max-model-len 1024\n';
    expect(at('yaml', script.replace(': |\n', ': |-\n').replace('org/|>', 'org/|>'))).toBeDefined();
  });

  it('reads code in Markdown', () => {
    expect(at('markdown', "Don't forget: `ollama run llama|3.2`.")).toMatchObject({
      kind: 'ollama',
      text: 'llama3.2',
    });
    expect(at('markdown', 'Use `M.from_pretrained("org/|some-model")`')?.kind).toBe('model');
    expect(at('markdown', 'See [the model](models/|a.gguf).')).toMatchObject({
      kind: 'path',
      text: 'models/a.gguf',
    });
    expect(at('markdown', 'See https://huggingface.co/org/|some-model for it')).toMatchObject({
      kind: 'path',
    });
  });

  it('knows no other language', () => {
    expect(at('plaintext', 'org/|some-model', 'requirements.txt')).toBeUndefined();
  });
});

describe('bounds', () => {
  it('reads few lines of a long document', () => {
    const read = new Set<number>();
    const found = mentionAt({
      text: (line) => {
        read.add(line);
        return line < 0 || line >= 5000 ? undefined : 'x = load("org/some-model")';
      },
      line: 2500,
      column: 12,
      language: 'python',
      fileName: 'a.py',
    });
    expect(found?.text).toBe(hub);
    expect(read.size).toBeLessThanOrEqual(101);
  });

  it('comes to an end on hostile lines', () => {
    const hostile = [
      '('.repeat(10_000),
      '"'.repeat(9_999),
      '-'.repeat(10_000),
      `'a`.repeat(5000),
      '#'.repeat(10_000),
    ];
    let slowestMs = 0;
    for (const line of [...hostile, ...hostile.map((text) => `x = "${text}`), '\\'.repeat(10_000)]) {
      for (const language of ['python', 'shellscript', 'yaml', 'markdown', 'typescript']) {
        const started = performance.now();
        const found = mentionAt({
          text: (at) => (at === 0 ? line : undefined),
          line: 0,
          column: 5000,
          language,
          fileName: 'x',
        });
        slowestMs = Math.max(slowestMs, performance.now() - started);
        expect(found?.kind ?? 'path').toBe('path');
      }
    }
    console.log(`the slowest hostile line took ${slowestMs.toFixed(1)} ms`);
  });

  it('does not take a line of ten megabytes apart', () => {
    const line = `x = "${'a/b",'.repeat(2_000_000)}`;
    const mention = mentionAt({
      text: (at) => (at === 0 ? line : undefined),
      line: 0,
      column: 6,
      language: 'python',
      fileName: 'x',
    });
    expect(mention).toBeUndefined();
  });
});
