/** Checkpoints that are on no disk: from a file system in memory, and from the Hub without being asked. */
import * as assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { QuantizeReport } from '../../../src/protocol/engineApi';
import { activeApi, checkpointTabs, checkpointViewType, until, workspaceFile } from './workspace';

const scheme = 'loupe-memory';

/** Files in memory, read-only but for `put`. */
class MemoryFiles implements vscode.FileSystemProvider {
  readonly files = new Map<string, Uint8Array>();
  /** Paths read, in order. */
  readonly read: string[] = [];
  private readonly changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.changed.event;

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => {});
  }

  stat(uri: vscode.Uri): vscode.FileStat {
    const file = this.files.get(uri.path);
    if (file) return { type: vscode.FileType.File, ctime: 0, mtime: 1, size: file.length };
    if (this.readDirectory(uri).length === 0) throw vscode.FileSystemError.FileNotFound(uri);
    return { type: vscode.FileType.Directory, ctime: 0, mtime: 1, size: 0 };
  }

  readDirectory(uri: vscode.Uri): [string, vscode.FileType][] {
    const prefix = uri.path.endsWith('/') ? uri.path : `${uri.path}/`;
    return [...this.files.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'))
      .map((path) => [path.slice(prefix.length), vscode.FileType.File]);
  }

  readFile(uri: vscode.Uri): Uint8Array {
    const file = this.files.get(uri.path);
    if (!file) throw vscode.FileSystemError.FileNotFound(uri);
    this.read.push(uri.path);
    return file;
  }

  createDirectory(uri: vscode.Uri): void {
    throw vscode.FileSystemError.NoPermissions(uri);
  }
  writeFile = this.createDirectory;
  delete = this.createDirectory;
  rename = this.createDirectory;
}

describe('Checkpoints of other schemes', () => {
  const memory = new MemoryFiles();
  let registration: vscode.Disposable;
  const uriOf = (path: string) => vscode.Uri.from({ scheme, path });
  const settings = () => vscode.workspace.getConfiguration('tensorLoupe');

  before(async () => {
    await activeApi();
    registration = vscode.workspace.registerFileSystemProvider(scheme, memory, { isReadonly: true });
    for (const name of ['model.safetensors', 'config.json'])
      memory.files.set(
        `/models/from-memory/${name}`,
        readFileSync(workspaceFile('demo-llama-3m', name).fsPath),
      );
    memory.files.set('/models/from-memory/unrelated.gguf', new Uint8Array(1000));
  });
  afterEach(async () => {
    await settings().update('wholeReadLimitMB', undefined, vscode.ConfigurationTarget.Global);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });
  after(() => registration.dispose());

  async function openTab(uri: vscode.Uri): Promise<void> {
    await vscode.commands.executeCommand('vscode.openWith', uri, checkpointViewType);
    await until('the editor tab', () =>
      checkpointTabs().some((tab) => tab.uri.toString() === uri.toString()),
    );
  }

  it('open by a whole read, with values, and leave no copy behind', async () => {
    const api = await activeApi();
    const uri = uriOf('/models/from-memory/model.safetensors');
    await openTab(uri);
    const catalogue = await api.catalogue(uri);
    assert.ok(catalogue);
    assert.equal(catalogue.name, 'from-memory');
    assert.equal(catalogue.tensors.count, 39);
    assert.equal(catalogue.architecture?.name, 'LlamaForCausalLM');
    assert.deepEqual(
      [...new Set(memory.read)].sort(),
      ['config.json', 'model.safetensors'].map((name) => `/models/from-memory/${name}`),
    );
    const [stats] = await api.engine.call('stats', {
      path: catalogue.path,
      generation: catalogue.generation,
      tensors: [0],
      channels: 'none',
    });
    assert.ok(stats && stats.max! > stats.min!);
    assert.ok(existsSync(catalogue.path));

    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await until('the copy to be removed', () => !existsSync(dirname(dirname(catalogue.path))));
  });

  it('open as a set of shards from an index, and quantize into a given folder', async () => {
    const api = await activeApi();
    const source = workspaceFile('demo-llama-3m-sharded').fsPath;
    for (const name of readdirSync(source))
      memory.files.set(`/models/sharded/${name}`, readFileSync(join(source, name)));
    const uri = uriOf('/models/sharded/model.safetensors.index.json');
    await vscode.commands.executeCommand('tensorLoupe.openCheckpoint', uri);
    await until('the editor tab', () => checkpointTabs().some((tab) => tab.viewType === 'tensorLoupe.index'));
    const catalogue = await until('the session', () => api.catalogue(uri));
    assert.equal(catalogue.tensors.count, 39);
    assert.ok(catalogue.files.length > 1);
    assert.deepEqual(
      catalogue.findings.filter(({ severity }) => severity === 'error'),
      [],
    );
    const out = workspaceFile('from-memory-quantized').fsPath;
    const report = await vscode.commands.executeCommand<QuantizeReport | undefined>(
      'tensorLoupe.quantize',
      uri,
      { scheme: 'int8-absmax', granularity: 'row', backend: 'cpu', out },
    );
    assert.equal(report && dirname(report.open), out);
    const result = await api.engine.call('open', { path: out });
    assert.equal(result.tensors.count, 39);
  });

  it('are refused beyond the limit, with the size and the limit', async () => {
    const api = await activeApi();
    await settings().update('wholeReadLimitMB', 1, vscode.ConfigurationTarget.Global);
    const before = memory.read.length;
    const uri = uriOf('/models/from-memory/model.safetensors');
    await openTab(uri);
    const opening = await until('the session', () => api.catalogue(uri)?.then(undefined, (error) => error));
    assert.equal((opening as { code?: string }).code, 'unsupported');
    const { message } = opening as unknown as Error;
    assert.match(message, /have 6\.\d+ MiB.*up to 1\.?0* MiB \(setting tensorLoupe\.wholeReadLimitMB\)/);
    assert.equal(memory.read.length, before);
  });

  it('are told to be missing', async () => {
    const api = await activeApi();
    const uri = uriOf('/models/from-memory/nothing.safetensors');
    await openTab(uri);
    const error = await until('the session', () => api.catalogue(uri)?.then(undefined, (thrown) => thrown));
    assert.equal((error as { code?: string }).code, 'not-found');
  });

  it('are not fetched from the Hub unless the user asks', async () => {
    const api = await activeApi();
    const uri = vscode.Uri.from({ scheme: 'tensor-loupe-hub', path: '/org/name@main/model.safetensors' });
    await openTab(uri);
    const error = await until('the session', () => api.catalogue(uri)?.then(undefined, (thrown) => thrown));
    assert.equal((error as { code?: string }).code, 'refused');
    assert.match((error as unknown as Error).message, /not asked by itself/);
  });
});
