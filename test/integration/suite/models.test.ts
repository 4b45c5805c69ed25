/** The Models view and what the Explorer shows of models. */
import * as assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { ModelNode, ModelsNode } from '../../../src/editor/models/modelNodes';
import type { TensorLoupeApi } from '../../../src/extension';
import { activeApi, checkpointTabs, until, workspaceFile } from './workspace';

const hub = process.env.HF_HUB_CACHE;

let api: TensorLoupeApi;

const label = (node: ModelsNode) => String(api.models.getTreeItem(node).label);
const description = (node: ModelsNode) => String(api.models.getTreeItem(node).description);

async function placeNamed(name: string): Promise<ModelsNode | undefined> {
  return (await api.models.getChildren()).find((node) => label(node) === name);
}

async function modelNamed(place: string, name: string): Promise<ModelNode> {
  return until(`the model ${name}`, async () => {
    const parent = await placeNamed(place);
    const nodes = parent ? await api.models.getChildren(parent) : [];
    return nodes.find((node): node is ModelNode => node.kind === 'model' && label(node) === name);
  });
}

/** Answers the questions to come, and keeps what was asked and told. */
function answering(...answers: string[]) {
  const window = vscode.window as unknown as Record<string, unknown>;
  const names = ['showWarningMessage', 'showErrorMessage', 'showInformationMessage'];
  const before = names.map((name) => [name, window[name]] as const);
  const asked: string[] = [];
  const told: string[] = [];
  for (const name of names)
    window[name] = async (text: string, options?: { modal?: boolean }) => {
      if (options?.modal !== true) {
        told.push(text);
        return undefined;
      }
      asked.push(text);
      return answers.shift();
    };
  const restore = () => {
    for (const [name, value] of before) window[name] = value;
  };
  return { asked, told, restore };
}

describe('Models view', () => {
  before(async () => {
    api = await activeApi();
    api.models.refresh();
  });
  afterEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

  it('lists the models of the workspace with parameters, type and size', async () => {
    const node = await modelNamed('Workspace', 'demo-llama-3m');
    await until('the header', () => description(node).includes('BF16'));
    assert.equal(description(node), '6.29 MiB · 3.30 M BF16 · LlamaForCausalLM');
    const sharded = await modelNamed('Workspace', 'demo-llama-3m-sharded');
    assert.match(sharded.model.path, /model\.safetensors\.index\.json$/);
  });

  it('opens a model', async () => {
    const node = await modelNamed('Workspace', 'demo-llama-3m');
    await vscode.commands.executeCommand('tensorLoupe.openModel', node);
    const [tab] = await until('the editor tab', () => checkpointTabs().length === 1 && checkpointTabs());
    assert.equal(tab?.uri.fsPath, node.model.path);
  });

  it('is sorted by size or by name', async () => {
    const names = async () => {
      const place = await placeNamed('Workspace');
      return place ? (await api.models.getChildren(place)).map(label) : [];
    };
    await vscode.commands.executeCommand('tensorLoupe.sortModelsByName');
    const byName = await names();
    await vscode.commands.executeCommand('tensorLoupe.sortModelsBySize');
    const bySize = await names();
    assert.deepEqual(
      [...byName].sort((a, b) => a.localeCompare(b, undefined, { numeric: true })),
      byName,
    );
    assert.deepEqual([...bySize].sort(), [...byName].sort());
  });

  it('notices files that come and go, and says what cannot be read', async () => {
    await modelNamed('Workspace', 'demo-llama-3m');
    const uri = workspaceFile('new-model.gguf');
    writeFileSync(uri.fsPath, 'no model');
    await vscode.commands.executeCommand('tensorLoupe.showModels');
    const node = await modelNamed('Workspace', 'new-model');
    await until('the refusal', () => description(node).includes('cannot be read'));
    rmSync(uri.fsPath);
    await until('the row to go', async () => {
      const place = await placeNamed('Workspace');
      const rows = place ? await api.models.getChildren(place) : [];
      return !rows.some((row) => label(row) === 'new-model');
    });
  });

  it('copies a path', async () => {
    const node = await modelNamed('Workspace', 'demo-llama-3m');
    await vscode.commands.executeCommand('tensorLoupe.copyModelPath', node);
    await until('the path', async () => (await vscode.env.clipboard.readText()) === node.model.path);
  });

  it('finds copies in the cache, and takes no link for one', async function () {
    if (!hub) {
      this.test!.title += ' (no cache of its own was given to this host)';
      return this.skip();
    }
    const snapshot = path.join(hub, 'models--demo--llama-3m', 'snapshots', 'c0ffee');
    mkdirSync(snapshot, { recursive: true });
    cpSync(workspaceFile('demo-llama-3m').fsPath, snapshot, { recursive: true });
    const linked = workspaceFile('linked');
    mkdirSync(linked.fsPath);
    symlinkSync(
      workspaceFile('demo-llama-3m', 'model.safetensors').fsPath,
      path.join(linked.fsPath, 'model.safetensors'),
    );
    try {
      api.models.refresh();
      const cached = await modelNamed('Hugging Face Cache', 'demo/llama-3m');
      const sets = await vscode.commands.executeCommand<{ models: string[]; freeableBytes: number }[]>(
        'tensorLoupe.findDuplicateModels',
      );
      const own = workspaceFile('demo-llama-3m', 'model.safetensors').fsPath;
      const set = sets.find(({ models }) => models.includes(cached.model.path));
      assert.ok(set, JSON.stringify(sets));
      // The link and the file that it leads to are one; which of the names stands for it does not matter.
      assert.equal(set.models.filter((name) => name === own || name.startsWith(linked.fsPath)).length, 1);
      assert.equal(set.freeableBytes, cached.model.bytes);
      const [duplicates] = await api.models.getChildren();
      assert.equal(label(duplicates!), 'Duplicates');
      assert.match(description(duplicates!), /could be freed$/);
    } finally {
      rmSync(hub, { recursive: true });
      rmSync(linked.fsPath, { recursive: true });
    }
  });

  it('asks twice before it deletes, and deletes nothing without a trash', async () => {
    const folder = workspaceFile('to-delete');
    cpSync(workspaceFile('demo-llama-3m').fsPath, folder.fsPath, { recursive: true });
    const file = path.join(folder.fsPath, 'model.safetensors');
    api.models.refresh();
    const node = await modelNamed('Workspace', 'to-delete');
    for (const answers of [[], ['Delete...']]) {
      const { asked, restore } = answering(...answers);
      try {
        assert.equal(await vscode.commands.executeCommand('tensorLoupe.deleteModel', node), false);
      } finally {
        restore();
      }
      assert.equal(asked.length, answers.length + 1);
      assert.ok(existsSync(file), 'nobody agreed twice');
    }
    const { asked, told, restore } = answering('Delete...', 'Move to Trash');
    try {
      await vscode.commands.executeCommand('tensorLoupe.deleteModel', node);
    } finally {
      restore();
    }
    assert.equal(asked.length, 2);
    // A server has no trash; a desktop has one.
    if (vscode.env.remoteName !== undefined || vscode.env.uiKind === vscode.UIKind.Web) {
      assert.ok(existsSync(file), 'without a trash the file stays');
      assert.match(told.join(), /there is no trash/);
    } else {
      assert.ok(!existsSync(file));
      assert.match(told.join(), /is in the trash/);
    }
    assert.ok(existsSync(path.join(folder.fsPath, 'config.json')), 'what is no weight stays');
    rmSync(folder.fsPath, { recursive: true });
  });
});

describe('Models view in Restricted Mode', () => {
  const trusted = Object.getOwnPropertyDescriptor(vscode.workspace, 'isTrusted')!;
  before(async () => {
    api = await activeApi();
    Object.defineProperty(vscode.workspace, 'isTrusted', { configurable: true, get: () => false });
  });
  after(() => Object.defineProperty(vscode.workspace, 'isTrusted', trusted));

  it('lists models, and neither deletes nor quantizes them', async () => {
    api.models.refresh();
    const node = await modelNamed('Workspace', 'demo-llama-3m');
    const { asked, told, restore } = answering();
    try {
      await vscode.commands.executeCommand('tensorLoupe.deleteModel', node);
      await vscode.commands.executeCommand('tensorLoupe.quantizeModel', node);
    } finally {
      restore();
    }
    assert.deepEqual(asked, []);
    assert.match(told[0] ?? '', /Deleting a model waits until this workspace is trusted/);
    assert.match(told[1] ?? '', /Quantizing writes files, so it waits until this workspace is trusted/);
    assert.ok(existsSync(node.model.path));
  });
});

describe('Explorer decorations', () => {
  const setting = () => vscode.workspace.getConfiguration('tensorLoupe');
  const { token } = new vscode.CancellationTokenSource();
  const decoration = (...parts: string[]) =>
    api.decorations.provideFileDecoration(workspaceFile(...parts), token);

  before(async () => {
    api = await activeApi();
  });
  after(() => setting().update('explorerDecorations', undefined, vscode.ConfigurationTarget.Global));

  it('tell parameters, type and size of model files and folders, and nothing of others', async () => {
    const file = await decoration('demo-llama-3m', 'model.safetensors');
    assert.equal(file?.badge, undefined);
    assert.equal(file?.tooltip, '3.30 M BF16, 6.29 MiB');
    const folder = await decoration('demo-llama-3m-sharded');
    assert.equal(folder?.tooltip, '3.30 M BF16, 6.29 MiB');
    for (const other of [['demo-llama-3m', 'config.json'], ['README.md'], ['not-there.gguf']])
      assert.equal(await decoration(...other), undefined, other.join('/'));
  });

  it('follow the setting', async () => {
    await setting().update('explorerDecorations', 'badge', vscode.ConfigurationTarget.Global);
    assert.equal((await decoration('demo-llama-3m', 'model.safetensors'))?.badge, '16');
    await setting().update('explorerDecorations', 'off', vscode.ConfigurationTarget.Global);
    assert.equal(await decoration('demo-llama-3m', 'model.safetensors'), undefined);
  });
});
