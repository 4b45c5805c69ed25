/** Models on the Hub that the user let us ask about in this window, and what was answered. */
import * as vscode from 'vscode';
import type { HubSettings } from '../editor/hubSettings';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { defaultRevision, parseHubReference } from '../hub/hubLocation';
import type { LoadSetting, ModelCost } from '../protocol/costApi';
import type { HubName } from './hubNames';

/** Everything that an answer depends on. */
export interface HubQuestion {
  readonly name: HubName;
  readonly load: LoadSetting;
}

const mostAnswers = 50;

/** `tensorLoupe.hover.hub`: what happens over a model that is on no disk here. */
export type HubHovers = 'ask' | 'always' | 'never';

export class HubQuestions {
  private readonly allowed = new Set<string>();
  private readonly answers = new Map<string, ModelCost>();

  constructor(
    private readonly engine: EngineClient,
    private readonly hub: HubSettings,
  ) {}

  setting(): HubHovers {
    const set = vscode.workspace.getConfiguration('tensorLoupe').get<string>('hover.hub');
    return set === 'always' || set === 'never' ? set : 'ask';
  }

  /** Whether asking needs no click: the user chose this model in this window, or all of them by the setting. */
  isAllowed({ name }: HubQuestion): boolean {
    if (!vscode.workspace.isTrusted) return false;
    return this.setting() === 'always' || this.allowed.has(repositoryKey(name));
  }

  /** What was answered already. */
  known(question: HubQuestion): ModelCost | undefined {
    return this.answers.get(JSON.stringify(question));
  }

  /** Where the Hub is, for people; undefined for an endpoint that is no address. */
  host(): string | undefined {
    try {
      return new URL(this.hub.endpoint()).host;
    } catch {
      return undefined;
    }
  }

  /** Sends requests. Throws `refused` in Restricted Mode, and what the engine throws. */
  async ask(question: HubQuestion, signal: AbortSignal): Promise<ModelCost> {
    const { name, load } = question;
    const access = await this.hub.access();
    // Names are checked once more where requests begin.
    const repository = parseHubReference(`${name.name}@${name.revision ?? defaultRevision}`, access.endpoint);
    const cost = await this.engine.call(
      'hubCost',
      {
        repository: { name: repository.name, revision: repository.revision },
        access,
        load,
        file: name.file,
        tag: name.tag,
      },
      { signal },
    );
    if (this.answers.size >= mostAnswers) this.answers.delete(this.answers.keys().next().value!);
    this.answers.set(JSON.stringify(question), cost);
    return cost;
  }

  /** The user's click: from now on this model is asked about without another one. Throws `refused` in Restricted Mode. */
  allow({ name }: HubQuestion): void {
    if (!vscode.workspace.isTrusted)
      throw new LoupeError('refused', 'The Hub is asked once this workspace is trusted.');
    this.allowed.add(repositoryKey(name));
  }
}

const repositoryKey = ({ name, revision }: HubName): string => `${name}@${revision ?? defaultRevision}`;
