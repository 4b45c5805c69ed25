import * as assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { f32Data, makeGguf } from '../../fixtures/makeCheckpoint';
import { activeApi, checkpointTabs, until, workspaceFile } from './workspace';

/** The hovers of ours at a place: they speak of parameters, of the Hub, or of a shard. */
async function hoverTextAt(uri: vscode.Uri, position: vscode.Position): Promise<string> {
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
    'vscode.executeHoverProvider',
    uri,
    position,
  );
  return hovers
    .flatMap((hover) => hover.contents)
    .map((part) => (typeof part === 'string' ? part : part.value))
    .map((text) => text.replaceAll('&nbsp;', ''))
    .filter((text) => /parameters|the Hub|KV cache|tensors? /.test(text))
    .join('\n');
}

/** Writes a document, hovers over `needle` in it and gives the hover's text. */
async function hoverOver(name: string, content: string, needle: string): Promise<string> {
  const uri = workspaceFile(name);
  mkdirSync(path.dirname(uri.fsPath), { recursive: true });
  writeFileSync(uri.fsPath, content);
  const document = await vscode.workspace.openTextDocument(uri);
  return hoverTextAt(uri, document.positionAt(content.indexOf(needle) + 2));
}

const shown = (name: string, content: string, needle: string) =>
  until(`a hover in ${name}`, async () => (await hoverOver(name, content, needle)) || undefined);

function assertParts(text: string, parts: readonly string[]): void {
  for (const part of parts) assert.ok(text.includes(part), `"${part}" is missing in:\n${text}`);
}

// Computed by hand from the header: 3,295,488 parameters; x4, x2, x1, x0.5 bytes.
const expected = [
  '3.30 M parameters',
  '6.29 MiB on disk',
  '12.6 MiB',
  '6.29 MiB',
  '3.14 MiB',
  '1.57 MiB',
  'Open in Tensor Loupe',
  // 4 layers, 4 KV heads of 32, keys and values in two bytes, 1,024 tokens.
  'KV cache 2.00 MiB per 1,024 tokens in F16',
  "in this machine's memory",
];

describe('Hover', () => {
  before(activeApi);
  afterEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  const cases: [string, string, string][] = [
    ['hover.py', 'model = AutoModel.from_pretrained("demo-llama-3m")\n', 'demo-llama'],
    ['hover2.py', "weights = load_file('demo-llama-3m/model.safetensors')\n", 'demo-llama'],
    ['hover.js', "const m = await pipeline('text-generation', './demo-llama-3m');\n", './demo-llama'],
    ['hover.ts', "const model: string = './demo-llama-3m';\n", './demo-llama'],
    ['hover.jsx', "const m = <Model path={'demo-llama-3m'} />;\n", 'demo-llama'],
    ['hover.tsx', "const m = <Model path={'demo-llama-3m'} />;\n", 'demo-llama'],
    ['hover.json', '{"model": "./demo-llama-3m"}\n', './demo-llama'],
    ['hover.jsonc', '{ // local\n "model": "./demo-llama-3m" }\n', './demo-llama'],
    ['hover.yaml', 'model: demo-llama-3m\n', 'demo-llama'],
    [
      'docker-compose.yml',
      'services:\n  a:\n    command:\n      - --model\n      - demo-llama-3m\n',
      'demo-llama',
    ],
    ['hover.toml', 'model = "demo-llama-3m"\n', 'demo-llama'],
    ['hover.md', 'Load `demo-llama-3m` first.\n', 'demo-llama'],
    ['hover.sh', 'vllm serve ./demo-llama-3m\n', './demo-llama'],
    ['Dockerfile', 'FROM python\nCMD ["vllm", "serve", "demo-llama-3m"]\n', 'demo-llama'],
    ['Makefile', 'serve:\n\tvllm serve demo-llama-3m\n', 'demo-llama'],
    ['Modelfile', 'FROM ./demo-llama-3m\n', './demo-llama'],
    ['hover.ps1', 'llama-server -m .\\demo-llama-3m\n'.replace('\\', '/'), './demo-llama'],
    ['hover-sharded.py', 'p = "demo-llama-3m-sharded/model.safetensors.index.json"\n', 'demo-llama'],
    ['below/hover.py', 'AutoModel.from_pretrained("../demo-llama-3m")\n', '../demo-llama'],
  ];
  for (const [name, content, needle] of cases) {
    it(`tells what a model costs in ${name}`, async () => {
      assertParts(await shown(name, content, needle), expected);
    });
  }

  it('tells what a model costs in a cell of a notebook, with a config from a cell before', async () => {
    const cells = [
      'bnb = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")',
      'm = AutoModel.from_pretrained("demo-llama-3m", quantization_config=bnb)',
    ];
    const data = new vscode.NotebookData(
      cells.map((line) => new vscode.NotebookCellData(vscode.NotebookCellKind.Code, line, 'python')),
    );
    const open = () => vscode.workspace.openNotebookDocument('jupyter-notebook', data);
    // The server of these tests lists the type of notebook and lacks the extension that reads it.
    let serializer: vscode.Disposable | undefined;
    const notebook = await Promise.resolve(open()).catch(() => {
      serializer = vscode.workspace.registerNotebookSerializer('jupyter-notebook', {
        deserializeNotebook: () => data,
        serializeNotebook: () => new Uint8Array(),
      });
      return open();
    });
    const cell = notebook.cellAt(1).document;
    assert.equal(cell.uri.scheme, 'vscode-notebook-cell');
    const position = cell.positionAt(cell.getText().indexOf('demo-llama') + 2);
    const text = await until('a hover', async () => (await hoverTextAt(cell.uri, position)) || undefined);
    assertParts(text, [...expected, '**As loaded here**: 4 bit NF4 → weights']);
    serializer?.dispose();
  });

  /** What follows "As loaded here", by how the model is loaded. */
  const loads: [string, string, RegExp][] = [
    [
      'torch_dtype',
      'M.from_pretrained("demo-llama-3m", torch_dtype=torch.float32)',
      /: F32 → weights 12\.6 MiB/,
    ],
    ['dtype', 'M.from_pretrained("demo-llama-3m", dtype="bfloat16")', /: BF16 → weights 6\.29 MiB/],
    [
      'load_in_8bit',
      'M.from_pretrained("demo-llama-3m", load_in_8bit=True)',
      /: 8 bit \(LLM\.int8\) → weights 3\.\d+ MiB/,
    ],
    [
      'load_in_4bit',
      'M.from_pretrained("demo-llama-3m", load_in_4bit=True)',
      /: 4 bit FP4 → weights 1\.9\d MiB/,
    ],
    [
      'BitsAndBytesConfig',
      'b = BitsAndBytesConfig(\n  load_in_4bit=True,\n  bnb_4bit_quant_type="nf4",\n  bnb_4bit_use_double_quant=True,\n)\n\nM.from_pretrained(\n  "demo-llama-3m",\n  quantization_config=b,\n)',
      /: 4 bit NF4, double quantization → weights 1\.\d+ MiB/,
    ],
    [
      'device_map',
      'M.from_pretrained("demo-llama-3m", device_map="cpu")',
      /: on the CPU → weights 6\.29 MiB/,
    ],
    [
      'spread arguments',
      'kw = dict(torch_dtype=torch.float32)\nM.from_pretrained("demo-llama-3m", **kw)',
      /: F32 → weights 12\.6 MiB/,
    ],
    [
      'a method behind the call',
      'M.from_pretrained("demo-llama-3m").to("cpu", dtype=torch.float32)',
      /: F32 → weights 12\.6 MiB/,
    ],
    ['max_model_len', 'LLM("demo-llama-3m", max_model_len=128)', /: 128 tokens → weights 6\.29 MiB/],
    [
      'a variable',
      'name = "demo-llama-3m"\nm = M.from_pretrained(name, dtype="float16")',
      /: F16 → weights 6\.29 MiB/,
    ],
  ];
  for (const [what, code, pattern] of loads) {
    it(`counts as it is loaded: ${what}`, async () => {
      const needle = what === 'a variable' ? '(name,' : 'demo-llama';
      const text = await shown(`loads ${what}.py`, `${code}\n`, needle === '(name,' ? 'name, dtype' : needle);
      assert.match(text, pattern);
    });
  }
  const commands: [string, RegExp][] = [
    [
      'vllm serve demo-llama-3m --quantization fp8 --max-model-len 128',
      /: 8-bit floats \(FP8\), 128 tokens → weights 3\.\d+ MiB/,
    ],
    [
      'llama-server -m demo-llama-3m/model.safetensors -c 200 -ngl 0 -ctk q8_0',
      /: 200 tokens, keys in Q8_0, values in F16, on the CPU/,
    ],
    ['vllm serve \\\n  demo-llama-3m \\\n  --dtype float32 -tp 2', /: F32, over 2 GPUs → weights 12\.6 MiB/],
  ];
  for (const [index, [command, pattern]] of commands.entries()) {
    it(`counts as a command says: ${command.split('\n')[0]}`, async () => {
      assert.match(await shown(`loads${index}.sh`, `${command}\n`, 'demo-llama'), pattern);
    });
  }

  it('says that transformers may load F32, and what it does not understand', async () => {
    const plain = await shown('default.py', 'M.from_pretrained("demo-llama-3m")\n', 'demo-llama');
    assert.match(plain, /before version 5 loads F32: 12\.6 MiB/);
    const odd = 'M.from_pretrained("demo-llama-3m", quantization_config=GPTQConfig(bits=4))\n';
    assert.match(await shown('odd.py', odd, 'demo-llama'), /Not taken into account: GPTQConfig/);
  });

  it('stays quiet over strings that name no model, and outside the workspace', async () => {
    assert.equal(await hoverOver('quiet.py', 'x = "demo-llama-99m"\n', 'demo'), '');
    assert.equal(await hoverOver('quiet2.py', 'x = "/etc/hostname"\n', '/etc'), '');
    assert.equal(await hoverOver('quiet3.py', 'x = demo_llama_3m\n', 'demo'), '');
    assert.equal(await hoverOver('requirements.txt', 'demo-llama-3m\n', 'demo'), '');
  });

  it('offers to ask the Hub, and runs no command but its own', async () => {
    const uri = workspaceFile('hub.py');
    const content = 'm = AutoModel.from_pretrained("some-org/not-here", load_in_4bit=True)\n';
    writeFileSync(uri.fsPath, content);
    await vscode.workspace.openTextDocument(uri);
    const position = new vscode.Position(0, content.indexOf('some-org') + 2);
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      uri,
      position,
    );
    const parts = hovers
      .flatMap(({ contents }) => contents)
      .filter((part) => part instanceof vscode.MarkdownString);
    const offer = parts.find(({ value }) => value.includes('Ask the Hub'));
    assert.ok(offer, parts.map(({ value }) => value).join('\n'));
    assert.ok(offer.value.includes('Nothing is sent before you click'));
    assert.equal(offer.supportHtml ?? false, false);
    const trusted = offer.isTrusted;
    assert.ok(
      typeof trusted === 'object' && trusted.enabledCommands.every((name) => name.startsWith('tensorLoupe.')),
    );
    assert.equal(await hoverOver('hub2.py', 'image = "some-org/not-here"\n', 'some-org'), '');
  });

  it('leads to files of any name, as blobs of caches have', async () => {
    const blob = workspaceFile(`sha256-${'ab'.repeat(32)}`);
    const tensors = [
      { name: 'token_embd.weight', dtype: 'F32', shape: [1, 32], data: f32Data(new Float32Array(32)) },
    ];
    writeFileSync(blob.fsPath, makeGguf({ metadata: [], tensors }));
    await vscode.commands.executeCommand('tensorLoupe.openCheckpoint', blob.fsPath);
    await until('its tab', () => checkpointTabs().some(({ uri }) => uri.fsPath === blob.fsPath));
  });

  it('takes a changed file anew', async () => {
    const config = workspaceFile('changing', 'config.json');
    const source = await vscode.workspace.fs.readFile(workspaceFile('demo-llama-3m', 'config.json'));
    const text = Buffer.from(source).toString();
    mkdirSync(path.dirname(config.fsPath), { recursive: true });
    writeFileSync(config.fsPath, text);
    const code = 'M.from_pretrained("changing")\n';
    const before = await shown('changing.py', code, 'changing');
    assert.match(before, /3\.30 M parameters[\s\S]*No weights are here/);
    writeFileSync(config.fsPath, text.replace('"num_hidden_layers": 4', '"num_hidden_layers": 8'));
    const after = await shown('changing.py', code, 'changing');
    // Four more layers of 2 (256 256) + 2 (128 256) + 3 (768 256) + 2 256 values.
    assert.match(after, /6\.44 M parameters/);
  });

  it('answers 200 hovers of either kind', async function () {
    const uri = workspaceFile('many.py');
    const lines = Array.from({ length: 5000 }, (_, i) =>
      i === 2500
        ? 'm = AutoModel.from_pretrained("demo-llama-3m", load_in_8bit=True)'
        : `x${i} = f("a", ${i})`,
    );
    writeFileSync(uri.fsPath, lines.join('\n'));
    await vscode.workspace.openTextDocument(uri);
    const here = new vscode.Position(2500, lines[2500]!.indexOf('demo-llama') + 2);
    await until('a hover', async () => (await hoverTextAt(uri, here)) || undefined);
    const p95 = async (hover: (i: number) => Promise<string>): Promise<string> => {
      const times: number[] = [];
      for (let i = 0; i < 200; i++) {
        const started = performance.now();
        const text = await hover(i);
        times.push(performance.now() - started);
        assert.ok(text.includes('3.30 M parameters'), text);
      }
      return times.sort((a, b) => a - b)[189]!.toFixed(1);
    };
    const kept = await p95(() => hoverTextAt(uri, here));
    // Each time another way to load: nothing is kept of it.
    const other = await vscode.workspace.openTextDocument({ language: 'python', content: '' });
    const anew = await p95(async (i) => {
      const edit = new vscode.WorkspaceEdit();
      const line = `AutoModel.from_pretrained("demo-llama-3m", max_seq_length=${i + 1})`;
      edit.replace(other.uri, new vscode.Range(0, 0, 1, 0), line);
      await vscode.workspace.applyEdit(edit);
      return hoverTextAt(other.uri, new vscode.Position(0, line.indexOf('demo-llama') + 2));
    });
    // The runner prints titles: figures against their goals, which no test holds on a shared machine.
    this.test!.title +=
      `: p95 ${kept} ms when kept (goal 50), ${anew} ms anew with an edit before it (goal 300)`;
  }).timeout(180_000);
});

describe('config.json, indexes and recipes', () => {
  before(activeApi);
  afterEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  const lensesOf = async (uri: vscode.Uri): Promise<vscode.CodeLens[]> => {
    await vscode.workspace.openTextDocument(uri);
    return vscode.commands.executeCommand<vscode.CodeLens[]>('vscode.executeCodeLensProvider', uri, 50);
  };
  const titles = async (uri: vscode.Uri) => (await lensesOf(uri)).map(({ command }) => command?.title ?? '');

  it('has lenses with totals over a configuration, and none over another program’s', async () => {
    const uri = workspaceFile('demo-llama-3m', 'config.json');
    const found = await until('lenses', async () => {
      const all = await titles(uri);
      return all.length > 0 && all;
    });
    assert.ok(
      found.includes('3.30 M parameters · 6.29 MiB in BF16 · KV cache 2.00 KiB a token (F16)'),
      found.join('\n'),
    );
    // 256 tokens of 2 KiB.
    assert.ok(found.includes('512 KiB of cache at 256 tokens'), found.join('\n'));
    assert.ok(found.some((title) => title.includes('Open in Tensor Loupe')));
    const other = workspaceFile('app', 'config.json');
    mkdirSync(path.dirname(other.fsPath), { recursive: true });
    writeFileSync(other.fsPath, '{ "name": "app", "layers": 3 }');
    assert.deepEqual(await titles(other), []);
  });

  it('says over a field what another value costs', async () => {
    const uri = workspaceFile('demo-llama-3m', 'config.json');
    const document = await vscode.workspace.openTextDocument(uri);
    const hoverOverField = async (name: string) => {
      const position = document.positionAt(document.getText().indexOf(`"${name}"`) + 3);
      return until(name, async () => (await hoverTextAt(uri, position)) || undefined);
    };
    // 2 (256 256) + 2 (128 256) + 3 (768 256) + 2 256 values of two bytes; 2 (4 32) values of the cache, of two bytes.
    assertParts(await hoverOverField('num_hidden_layers'), [
      '| one more layer | +787 K | +1.50 MiB | +512 B |',
    ]);
    // 3 256 values a column in four layers.
    assertParts(await hoverOverField('intermediate_size'), ['| 128 wider | +393 K | +768 KiB |']);
    assertParts(await hoverOverField('num_key_value_heads'), ['with 8 \\(MHA\\)', '4.00 KiB']);
    assertParts(await hoverOverField('vocab_size'), ['| 1,000 more tokens | +512 K | +1000 KiB |']);
    assertParts(await hoverOverField('tie_word_embeddings'), ['−73.7 K']);
    assertParts(await hoverOverField('torch_dtype'), ['| in F32 | 3.30 M | 12.6 MiB |', 'NF4']);
    assertParts(await hoverOverField('max_position_embeddings'), ['| tokens | 256 |', '512 KiB']);
    const none = document.positionAt(document.getText().indexOf('"bos_token_id"') + 3);
    assert.equal(await hoverTextAt(uri, none), '');
  });

  it('says over an index what it names and what is missing', async () => {
    const folder = workspaceFile('cut');
    await vscode.workspace.fs.copy(workspaceFile('demo-llama-3m-sharded'), folder, { overwrite: true });
    const uri = workspaceFile('cut', 'model.safetensors.index.json');
    const whole = await until('lenses', async () => {
      const all = await titles(uri);
      return all.length > 0 && all;
    });
    assert.ok(whole.includes('39 tensors in 3 shards · 3.30 M parameters · 6.29 MiB'), whole.join('\n'));
    await vscode.workspace.fs.delete(workspaceFile('cut', 'model-00002-of-00003.safetensors'));
    const cut = await until('the missing shard', async () => {
      const all = await titles(uri);
      return all.some((title) => title.includes('missing')) && all;
    });
    assert.ok(
      cut.some((title) => title.includes('1 of 3 shards is missing: model-00002-of-00003.safetensors')),
    );
    const document = await vscode.workspace.openTextDocument(uri);
    const position = document.positionAt(document.getText().indexOf('model-00002') + 2);
    assert.match(await hoverTextAt(uri, position), /model\\-00002[\s\S]*tensors · \$\(error\) missing/);
    const total = document.positionAt(document.getText().indexOf('weight_map') + 2);
    assert.match(await hoverTextAt(uri, total), /1 shard missing/);
  });

  it('has a lens with size and bits over each rule of a recipe', async () => {
    const uri = workspaceFile('mixed-int4.loupe.json');
    const document = await vscode.workspace.openTextDocument(uri);
    const found = await until('lenses of rules', async () => {
      const all = await lensesOf(uri);
      return all.some(({ command }) => command?.title.includes('bits each')) && all;
    });
    const sized = found.filter(({ command }) => command?.title.includes('bits each'));
    const lineOf = (text: string) => document.positionAt(document.getText().indexOf(text)).line;
    const at = (line: number) =>
      sized.find(({ range }) => Math.abs(range.start.line - line) <= 1)?.command?.title ?? '';
    // Four matrices of 256 x 768 in BF16; in 8 bits with a scale of two bytes a row and a shape.
    assert.match(at(lineOf('**.down_proj')), /^4 tensors: 1\.50 MiB → 7\d\d KiB, 8\.\d\d bits each$/);
    // Layer 0's q, k, v and o projections stay.
    assert.match(at(lineOf('self_attn')), /^4 tensors: 384 KiB → 384 KiB, 16\.00 bits each$/);
    assert.ok(sized.length === 3, sized.map(({ command }) => command?.title).join('\n'));
  });
});
