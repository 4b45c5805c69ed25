/** Models that are named at one place and used at another, and places that say by their names that they hold models. */
import { describe, expect, it } from 'vitest';
import { brief, hub, mentionIn } from './mentionSupport';

describe('variables', () => {
  it.each([
    ['a parameter with a default', 'def load(name="org/some-model"):\n    return M.from_pretrained(na|me)'],
    ['a typed parameter', 'def load(x, name: str = "org/some-model"):\n    return M.from_pretrained(na|me)'],
    ['a typed variable', 'name: str = "org/some-model"\nM.from_pretrained(na|me)'],
    ['an f-string', 'owner = "org"\nM.from_pretrained(f"{owner}/so|me-model")'],
    ['an f-string in a variable', 'size = "some"\nname = f"org/{size}-model"\nM.from_pretrained(na|me)'],
    ['an attribute', 'self.model_id = "org/some-model"\nM.from_pretrained(self.mo|del_id)'],
  ])('follows %s', (_, code) => {
    expect(brief(mentionIn('python', code))).toEqual({ text: hub, kind: 'model' });
  });

  it('follows typed constants and templates of TypeScript', () => {
    const typed = 'const ID: string = "org/some-model";\nawait AutoModel.from_pretrained(I|D);';
    expect(brief(mentionIn('typescript', typed))).toEqual({ text: hub, kind: 'model' });
    const template = 'const org = "org";\nawait AutoModel.from_pretrained(`' + '$' + '{org}/so|me-model`);';
    expect(brief(mentionIn('typescript', template))).toEqual({ text: hub, kind: 'model' });
  });

  it('does not take the argument of another call for a variable', () => {
    expect(mentionIn('python', 'other(name="org/some-model")\nM.from_pretrained(na|me)')).toBeUndefined();
    expect(mentionIn('python', 'M.from_pretrained(f"{unknown}/so|me-model")')).toBeUndefined();
    expect(mentionIn('python', 'name = pick("org/x") + "y"\nM.from_pretrained(na|me)')).toBeUndefined();
  });

  it.each([
    ['a dict', 'kwargs = dict(torch_dtype=torch.float16, load_in_8bit=True)'],
    ['an object', 'kwargs = {"torch_dtype": torch.float16, "load_in_8bit": True}'],
  ])('reads what ** spreads of %s', (_, assigned) => {
    const code = `${assigned}\nM.from_pretrained("org/|some-model", **kwargs)`;
    expect(brief(mentionIn('python', code))).toEqual({
      text: hub,
      kind: 'model',
      dtype: 'f16',
      quantization: 'int8',
    });
  });

  it('reads what is done to a model that was loaded', () => {
    const to = (call: string) =>
      brief(mentionIn('python', `M.from_pretrained("org/|some-model").${call}`))?.dtype;
    expect(to('to(torch.bfloat16)')).toBe('bf16');
    expect(to('to("cuda", dtype=torch.float16)')).toBe('f16');
    expect(to('to("cuda").half()')).toBe('f16');
    expect(to('to("cuda")')).toBeUndefined();
    expect(to('to(device)')).toBeUndefined();
  });
});

describe('places that hold models', () => {
  it.each([
    ['argparse', 'parser.add_argument("--model", type=str, default="org/|some-model")'],
    ['argparse', 'parser.add_argument("-m", "--model-name-or-path", default="org/|some-model", help="x")'],
    ['a field', 'model_name: str = field(default="org/|some-model", metadata={"help": "x"})'],
    ['the environment', 'x = os.environ.get("MODEL_ID", "org/|some-model")'],
    ['the environment', 'MODEL = os.getenv("M", default="org/|some-model")'],
    ['a list', 'MODELS = ["org/a", "org/|some-model"]'],
    ['an alternative', 'MODEL = os.environ.get("X") or "org/|some-model"'],
    ['an object of them', 'models = {"small": "org/|some-model"}'],
    ['an object of one', 'cfg = {"model": {"name": "org/|some-model", "x": 1}}'],
  ])('are found in %s', (_, code) => {
    expect(brief(mentionIn('python', code))).toEqual({ text: hub, kind: 'perhaps' });
  });

  it.each([
    'parser.add_argument("--dataset", default="org/|some-data")',
    'parser.add_argument("--model", choices=["org/|some-model"])',
    'os.environ.get("HOME", "org/|some-model")',
    'IMAGES = ["org/|some-image"]',
    'cfg = {"image": {"name": "org/|some-image"}}',
  ])('are not others: %s', (code) => {
    expect(mentionIn('python', code)?.kind).toBe('path');
  });

  it("are Ollama's where its clients are called", () => {
    for (const code of ['ChatOllama(model="llama3|.1:8b")', 'ollama.chat(model="llama3|.1:8b", messages=[])'])
      expect(mentionIn('python', code)).toMatchObject({ kind: 'ollama', text: 'llama3.1:8b' });
    const js = "await ollama.generate({ model: 'llama3|.1:8b', prompt });";
    expect(mentionIn('javascript', js)).toMatchObject({ kind: 'ollama', text: 'llama3.1:8b' });
  });

  it('are alternatives of constants in TypeScript', () => {
    const code = 'const MODEL = process.env.MODEL ?? "org/|some-model";';
    expect(brief(mentionIn('typescript', code))).toEqual({ text: hub, kind: 'perhaps' });
  });

  it('are no data sets', () => {
    const code = 'snapshot_download(repo_id="org/|some-data", repo_type="dataset")';
    expect(mentionIn('python', code)?.kind).toBe('path');
  });

  it("are what AutoAWQ's and AutoGPTQ's loaders take", () => {
    const code = 'AutoAWQForCausalLM.from_quantized("org/|some-model", fuse_layers=True)';
    expect(brief(mentionIn('python', code))).toEqual({ text: hub, kind: 'model' });
  });

  it("are an adapter's and not the base's", () => {
    const code = 'PeftModel.from_pretrained(base, "org/|some-model")';
    expect(brief(mentionIn('python', code))).toEqual({ text: hub, kind: 'model' });
  });

  it("reads Unsloth's 4 bits as NF4", () => {
    const code =
      'FastLanguageModel.from_pretrained(model_name="org/|some-model", max_seq_length=2048, load_in_4bit=True)';
    expect(brief(mentionIn('python', code))).toEqual({
      text: hub,
      kind: 'model',
      context: 2048,
      quantization: 'nf4',
    });
  });
});

describe('variables of commands', () => {
  it.each([
    ['shellscript', 'MODEL="org/some-model"\nvllm serve "$MO|DEL" --dtype half'],
    ['shellscript', `MODEL=\${1:-org/some-model}\nvllm serve \${MO|DEL} --dtype half`],
    ['makefile', 'MODEL ?= org/some-model\nserve:\n\tvllm serve $(MO|DEL) --dtype half'],
    ['dockerfile', 'ENV MODEL org/some-model\nRUN vllm serve $MO|DEL --dtype half'],
  ])('of %s', (language, text) => {
    expect(brief(mentionIn(language, text))).toMatchObject({ text: hub, kind: 'model', dtype: 'f16' });
  });

  it('are defaults and the pairs of Dockerfiles', () => {
    expect(brief(mentionIn('shellscript', `MODEL=\${1:-org/|some-model}`))).toEqual({
      text: hub,
      kind: 'perhaps',
    });
    expect(brief(mentionIn('dockerfile', 'ENV MODEL_ID org/|some-model'))).toEqual({
      text: hub,
      kind: 'perhaps',
    });
    expect(mentionIn('dockerfile', 'ENV IMAGE org/|some-image')?.kind).toBe('path');
  });

  it('stay what they are where nothing was assigned', () => {
    expect(mentionIn('shellscript', 'vllm serve $MO|DEL')?.text).toBe('$MODEL');
  });

  it('read Python within commands', () => {
    const text = `RUN python -c "from transformers import M; M.from_pretrained('org/|some-model')"`;
    expect(brief(mentionIn('dockerfile', text))).toEqual({ text: hub, kind: 'model' });
  });

  it('leave messages and modes alone', () => {
    for (const text of ['git commit -m fix/|it', 'docker run -m some/|thing x', 'mkdir -m a/|b'])
      expect(mentionIn('shellscript', text)?.kind, text).toBe('path');
  });
});

describe('keys of YAML, TOML and model cards', () => {
  it.each([
    ['a part of a model', 'model:\n  name: org/|some-model\n'],
    ['a variable of a container', 'env:\n  - name: MODEL_ID\n    value: org/|some-model\n'],
    ['a list of them', 'models:\n  - org/a\n  - org/|some-model\n'],
    [
      'a command that a shell is given',
      'command: ["sh", "-c", "docker run vllm/vllm-openai --model org/|some-model"]\n',
    ],
    ['a flag in quotes', 'args:\n  - "--model=org/|some-model"\n'],
    ['arguments of an evaluation', 'model_args: pretrained=org/|some-model,dtype=float16\n'],
  ])('are read: %s', (_, text) => {
    expect(brief(mentionIn('yaml', text))).toMatchObject({ text: hub, kind: 'perhaps' });
  });

  it('are read in tables and lists of TOML', () => {
    expect(brief(mentionIn('plaintext', '[train.model]\nname = "org/|some-model"\n', 'x.toml'))).toEqual({
      text: hub,
      kind: 'perhaps',
    });
    expect(mentionIn('plaintext', 'models = ["org/|some-model"]', 'x.toml')?.kind).toBe('perhaps');
    expect(mentionIn('plaintext', '[project]\nname = "org/|some-model"', 'x.toml')?.kind).toBe('path');
  });

  it('are read between the dashes of a model card, and nowhere else', () => {
    const card = '---\nlicense: mit\nbase_model:\n- org/|some-model\n---\n# Title\n';
    expect(brief(mentionIn('markdown', card))).toEqual({ text: hub, kind: 'perhaps' });
    const one = '---\nbase_model: org/|some-model\n---\n';
    expect(brief(mentionIn('markdown', one))).toEqual({ text: hub, kind: 'perhaps' });
    expect(mentionIn('markdown', '---\na: b\n---\nbase_model: org/|some-model')?.kind).toBe('path');
  });
});
