import * as assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { BackendReport } from '../../../src/protocol/backendApi';
import { activeApi, until } from './workspace';

const setting = () => vscode.workspace.getConfiguration('tensorLoupe').get<string>('backend');
const select = (value: string) => vscode.commands.executeCommand('tensorLoupe.selectBackend', value);

describe('Compute backends', () => {
  let reports: readonly BackendReport[];
  before(async () => {
    reports = await (await activeApi()).engine.call('backends', {});
  });
  after(async () => {
    await vscode.workspace
      .getConfiguration('tensorLoupe')
      .update('backend', undefined, vscode.ConfigurationTarget.Global);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('are chosen by the setting, and one that is not there is not', async () => {
    assert.equal(await select('cpu'), 'cpu');
    assert.equal(setting(), 'cpu');
    const missing = reports.find(({ available }) => !available)!;
    assert.equal(await select(missing.name), undefined);
    assert.equal(setting(), 'cpu');
    assert.equal(await select('auto'), 'auto');
    assert.equal(setting(), 'auto');
    await vscode.commands.executeCommand('notifications.clearAll');
  });

  it('have one page', async () => {
    const tabs = () =>
      vscode.window.tabGroups.all
        .flatMap((group) => group.tabs)
        .filter(
          ({ input }) =>
            input instanceof vscode.TabInputWebview && /tensorLoupe\.backends$/.test(input.viewType),
        );
    await vscode.commands.executeCommand('tensorLoupe.showBackends');
    await until('the page', () => tabs().length === 1);
    await vscode.commands.executeCommand('tensorLoupe.showBackends');
    assert.equal(tabs().length, 1);
  });
});
