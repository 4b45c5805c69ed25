/** The settings that pages honour, read when a page asks. */
import * as vscode from 'vscode';
import type { ViewSettings } from '../protocol/webviewApi';

export function readViewSettings(): ViewSettings {
  const settings = vscode.workspace.getConfiguration('tensorLoupe');
  return {
    colorMap: settings.get<'viridis' | 'cividis'>('colorMap', 'viridis'),
    outlierFactor: settings.get<number>('outlierFactor', 8),
  };
}
