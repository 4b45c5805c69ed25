/** What a hover says and sends over a model that is on the Hub alone, against a made-up `vscode` and engine. */
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HubSettings } from '../../../src/editor/hubSettings';
import type { EngineClient } from '../../../src/engine/client';
import { LoupeError } from '../../../src/errors';
import { HubQuestions } from '../../../src/hover/hubQuestions';
import { ModelHoverProvider } from '../../../src/hover/modelHover';
import type { ModelCost } from '../../../src/protocol/costApi';

const host = vi.hoisted(() => ({ isTrusted: true, settings: {} as Record<string, unknown> }));
vi.mock('vscode', () => ({
  workspace: {
    get isTrusted() {
      return host.isTrusted;
    },
    workspaceFolders: [],
    notebookDocuments: [],
    getConfiguration: () => ({ get: (name: string, otherwise: unknown) => host.settings[name] ?? otherwise }),
  },
  Uri: { file: (path: string) => ({ fsPath: path }) },
  MarkdownString: class {
    isTrusted: unknown;
    constructor(
      readonly value: string,
      readonly supportThemeIcons: boolean,
    ) {}
  },
  Range: class {
    constructor(...readonly: number[]) {
      Object.assign(this, { readonly });
    }
  },
  Hover: class {
    constructor(
      readonly contents: unknown,
      readonly range: unknown,
    ) {}
  },
}));

const answer: ModelCost = {
  name: 'org/far',
  source: 'files',
  open: 'tensor-loupe-hub:/org/far@main/model.safetensors',
  parameters: 1_000_000,
  bytes: 2_000_000,
  fileCount: 1,
  dtypes: [{ dtype: 'BF16', bytes: 2_000_000 }],
  memory: [{ label: 'F32', bytes: 4_000_000 }],
  errors: 0,
  missing: [],
  loaded: {
    weightBytes: 2_000_000,
    totalBytes: 3_000_000,
    context: 4096,
    f32Bytes: 4_000_000,
    isWhole: true,
  },
  rooms: [],
  lacks: [],
  stamps: [],
};

describe('a model that is on the Hub alone', () => {
  const calls: [string, unknown][] = [];
  const engine = {
    call: async (method: string, params: unknown) => {
      calls.push([method, params]);
      if (failure) throw failure;
      return answer;
    },
  } as unknown as EngineClient;
  let failure: LoupeError | undefined;
  let questions: HubQuestions;

  beforeEach(() => {
    calls.length = 0;
    failure = undefined;
    host.isTrusted = true;
    host.settings = {};
    vi.stubEnv('HF_HUB_CACHE', `${tmpdir()}/loupe-no-cache`);
    vi.stubEnv('HF_TOKEN', '');
    vi.stubEnv('HF_ENDPOINT', '');
    const secrets = { get: async () => undefined } as unknown as ConstructorParameters<typeof HubSettings>[0];
    questions = new HubQuestions(engine, new HubSettings(secrets));
  });
  afterEach(() => vi.unstubAllEnvs());

  const line = 'm = AutoModel.from_pretrained("org/far", load_in_8bit=True)';
  async function hover(): Promise<string | undefined> {
    const document = {
      languageId: 'python',
      uri: { scheme: 'file', path: '/w/a.py', toString: () => 'file:///w/a.py' },
      lineCount: 1,
      lineAt: () => ({ text: line }),
    };
    const token = { isCancellationRequested: false, onCancellationRequested: () => ({ dispose() {} }) };
    const provider = new ModelHoverProvider(engine, questions);
    const found = await provider.provideHover(
      document as never,
      { line: 0, character: 32 } as never,
      token as never,
    );
    const markdown = found?.contents as unknown as
      | { value: string; isTrusted: { enabledCommands: string[] } }
      | undefined;
    if (markdown) expect(markdown.isTrusted.enabledCommands).not.toContain('workbench.action.terminal.new');
    return markdown?.value;
  }
  const question = {
    name: { name: 'org/far', revision: undefined },
    load: { quantization: 'int8' as const },
  };

  it('offers, and sends nothing before the click', async () => {
    const text = await hover();
    expect(text).toContain('[Ask the Hub about org/far](command:tensorLoupe.askHub?');
    expect(text).toContain('Reads headers from huggingface\\.co');
    expect(calls).toEqual([]);
  });

  it('shows the answer afterwards, and asks no second time', async () => {
    questions.allow(question);
    expect(await hover()).toContain('As loaded here**: 8 bit (LLM.int8)');
    expect(await hover()).toContain('1.91 MiB on huggingface\\.co');
    expect(calls).toEqual([
      [
        'hubCost',
        expect.objectContaining({ repository: { name: 'org/far', revision: 'main' }, load: question.load }),
      ],
    ]);
  });

  it('asks by itself only where the setting says so', async () => {
    host.settings['hover.hub'] = 'always';
    expect(await hover()).toContain('1.91 MiB');
    host.settings['hover.hub'] = 'never';
    expect(await hover()).toBeUndefined();
    expect(calls).toHaveLength(1);
  });

  it('sends nothing in Restricted Mode, whatever was set or allowed', async () => {
    questions.allow(question);
    host.isTrusted = false;
    host.settings['hover.hub'] = 'always';
    const text = await hover();
    expect(text).toContain('once this workspace is trusted');
    expect(text).not.toContain('command:');
    expect(() => questions.allow(question)).toThrow(/trusted/);
    await expect(questions.ask(question, new AbortController().signal)).rejects.toMatchObject({
      code: 'refused',
    });
    expect(calls).toEqual([]);
  });

  it('says why the Hub gives no answer', async () => {
    questions.allow(question);
    failure = new LoupeError('io', 'org/far is gated: [x](command:y)');
    const text = await hover();
    expect(text).toContain('org/far is gated\\: \\[x\\]');
    failure = new LoupeError('cancelled', 'Cancelled.');
    expect(await hover()).toBeUndefined();
  });

  it('asks for no name that is none', async () => {
    const odd = { ...question, name: { name: '../../x', revision: undefined } };
    await expect(questions.ask(odd, new AbortController().signal)).rejects.toMatchObject({ code: 'usage' });
    expect(calls).toEqual([]);
  });
});
