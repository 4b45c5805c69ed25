/** The settings that analyses follow, read anew for each. */
import * as vscode from 'vscode';
import type { EngineContract, StatsCacheSettings } from '../protocol/engineApi';

export interface AnalysisSettings {
  /** Parameters of the figures. */
  readonly figures: Pick<EngineContract['stats']['params'], 'outlierFactor' | 'int8Threshold'>;
  /** Undefined: results are not kept on disk. */
  readonly cache?: StatsCacheSettings | undefined;
  readonly pauseWhenHidden: boolean;
}

/** `folder` is where results are kept. */
export function readAnalysisSettings(folder: string): AnalysisSettings {
  const settings = vscode.workspace.getConfiguration('tensorLoupe');
  const limitMB = settings.get<number>('cacheLimitMB', 256);
  return {
    figures: { outlierFactor: settings.get<number>('outlierFactor', 8) },
    ...(limitMB > 0 ? { cache: { folder, limitMB } } : {}),
    pauseWhenHidden: settings.get<boolean>('pauseWhenHidden', false),
  };
}
