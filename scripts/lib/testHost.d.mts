import type { ChildProcess } from 'node:child_process';
import type { LaunchOptions } from 'playwright-core';

export interface HostOptions {
  /** Folder that the workbench opens, an absolute path. */
  workspace: string;
  /** Packed extension to install, an absolute path; none when left out. */
  vsix?: string | undefined;
  kind?: 'current' | 'min';
  /** User settings on top of the quiet ones. */
  settings?: Record<string, unknown>;
  /** Variables that the server, and so the extension host, gets. */
  env?: Record<string, string>;
  /** 0 for any. */
  port?: number;
  dataFolder?: string;
  testDriver?: boolean;
}

export interface RunningHost {
  /** Opens the workspace; holds the secret token. */
  url: string;
  port: number;
  token: string;
  /** The window's settings.json, an absolute path; read when a window opens. */
  settingsFile: string;
  logFolder: string;
  process: ChildProcess;
  /** What the server has printed. */
  log(): string;
  /** Ends the server with all that it started, and removes its temporary folders. */
  stop(): Promise<void>;
}

export function startHost(options: HostOptions): Promise<RunningHost>;
export function launchOptions(executablePath?: string): LaunchOptions;
/** A copy of the example models that tests may write into. */
export function scratchWorkspace(): { folder: string; remove(): Promise<void> };
export const resultsFolder: string;
export function vsixPath(target?: string): string;
/** Ends every process that was started and removes every temporary folder. */
export function endAll(): Promise<void>;
