/** The page of a checkpoint: what is shown, its tabs, notices and saved state. */
import { html, render, type TemplateResult } from 'lit';
import type { OpenProgress } from '../../../src/protocol/engineApi';
import { isImportanceMatrix } from '../../../src/protocol/importanceApi';
import { LoupeError, type SerializedError } from '../../../src/protocol/rpc';
import type { CheckpointHostContract, CheckpointPageContract } from '../../../src/protocol/webviewApi';
import { formatInteger } from '../../state/format';
import { connectToHost } from '../../state/host';
import { CheckpointSession } from '../../state/session';
import type { TabId, ViewState } from '../../state/viewState';
import type { OperatorOrder } from '../graphView';
import type { CheckpointRpc } from '../pageContext';
import { type Notice, type NoticeEvents, noticeBars } from './noticeBars';
import { OpenedCheckpoint, type PanelContext } from './openedCheckpoint';
import { openingView } from './openingView';
import { focusOwnFilter, onFindKey } from './pageGestures';
import { PageMemory } from './pageMemory';
import { refusedView } from './refusedView';
import { fitStrip, strip } from './stripView';
import { revealTab, tabBar, tabsOf } from './tabBar';

type Screen =
  | { readonly kind: 'loading' }
  | { readonly kind: 'refused'; readonly error: SerializedError; readonly fileName: string }
  | { readonly kind: 'open'; readonly checkpoint: OpenedCheckpoint };

const slowAfterMs = 4000;

export class CheckpointPage {
  private readonly rpc: CheckpointRpc;
  private screen: Screen = { kind: 'loading' };
  private readonly memory: PageMemory;
  private notices: readonly Notice[] = [];
  private isSlow = false;
  private opening: OpenProgress | undefined;
  private frame = 0;
  private loads = 0;
  private backend = '';
  private operatorOrder: OperatorOrder = 'count';
  private readonly live = document.createElement('div');

  constructor(private readonly root: HTMLElement) {
    this.live.className = 'visually-hidden';
    this.live.setAttribute('aria-live', 'polite');
    this.live.dataset.testid = 'live';
    root.after(this.live);
    const { rpc, keeper } = connectToHost<CheckpointPageContract, CheckpointHostContract>({
      notice: ({ kind, message }) => {
        // A refused file has nothing to lose: what is there now is shown at once.
        if (kind === 'changed' && this.screen.kind === 'refused') return this.load();
        this.notices = this.notices.filter((notice) => notice.kind !== kind);
        if (message !== '') this.notices = [...this.notices, { kind, message }];
        this.announce(message);
        this.requestRender();
        return undefined;
      },
      backend: ({ text }) => {
        // It may come before the checkpoint does.
        this.backend = text;
        if (this.opened) this.opened.session.backend = text;
        this.requestRender();
        return undefined;
      },
      opening: (progress) => {
        // The names come once, the count many times.
        this.opening = { ...progress, preview: progress.preview ?? this.opening?.preview };
        if (this.screen.kind === 'loading') this.requestRender();
        return undefined;
      },
      figures: ({ batch }) => {
        if (!this.opened) return undefined;
        const { session } = this.opened;
        // A model that was analyzed before shows its figures unasked; hidden ones stay hidden.
        if (session.stats.known === 0) this.patch({ showStatistics: true });
        session.takeKnown(batch);
        return undefined;
      },
      reload: () => this.load(),
      run: ({ kind }) => {
        if (!this.opened) return undefined;
        if (kind === 'analyzeAll') void this.analyzeAll();
        else if (kind === 'cancelAnalysis') this.opened.session.cancelAnalysis();
        else if (kind === 'showMemory') this.showTab('memory');
        else this.focusFilter();
        return undefined;
      },
    });
    this.rpc = rpc;
    this.memory = new PageMemory(keeper, () => this.opened?.session);
    onFindKey(() => this.focusFilter());
    new ResizeObserver(() => {
      this.fit();
      revealTab(this.state.tab);
    }).observe(root);
    this.requestRender();
    void this.load();
  }

  private get opened(): OpenedCheckpoint | undefined {
    return this.screen.kind === 'open' ? this.screen.checkpoint : undefined;
  }

  private get state(): ViewState {
    return this.memory.state;
  }

  private async load(): Promise<undefined> {
    const load = ++this.loads;
    const slow = window.setTimeout(() => {
      this.isSlow = true;
      this.requestRender();
    }, slowAfterMs);
    try {
      const answer = await this.rpc.call('ready', {});
      if (load === this.loads) {
        this.opened?.dispose();
        if (answer.ok) this.open(answer);
        else this.screen = { kind: 'refused', error: answer.error, fileName: answer.fileName };
      }
    } catch (thrown) {
      if (load === this.loads) {
        this.opened?.dispose();
        this.screen = {
          kind: 'refused',
          error: LoupeError.from(thrown).toJSON(),
          fileName: 'The checkpoint',
        };
      }
    } finally {
      window.clearTimeout(slow);
      this.isSlow = false;
      this.opening = undefined;
      this.requestRender();
    }
    return undefined;
  }

  private open(answer: {
    origin?: string | undefined;
    catalogue: CheckpointSession['catalogue'];
    settings: CheckpointSession['settings'];
    backend: string;
    trusted: boolean;
    tab?: 'memory' | undefined;
  }): void {
    const { catalogue } = answer;
    const session = new CheckpointSession(
      catalogue,
      answer.settings,
      answer.backend || this.backend,
      answer.trusted,
      this.rpc,
      () => this.requestRender(),
    );
    if (this.state.stats?.generation === catalogue.generation) {
      session.stats.restore(this.state.stats.rows);
      session.tellRestored();
    }
    this.notices = this.notices.filter((notice) => notice.kind === 'engine');
    if (answer.origin) this.notices = [...this.notices, { kind: 'origin', message: answer.origin }];
    const checkpoint = new OpenedCheckpoint(session, this.context(), this.rpc);
    this.screen = { kind: 'open', checkpoint };
    if (answer.tab) this.patch({ tab: answer.tab });
    // Its statistics are what an importance matrix is opened for.
    if (isImportanceMatrix(catalogue) && !this.memory.hasSaved) this.patch({ tab: 'importance' });
    if (!tabsOf(checkpoint).some(({ id }) => id === this.state.tab)) this.patch({ tab: 'tensors' });
    checkpoint.shown(this.state.tab, false);
    requestAnimationFrame(() => requestAnimationFrame(() => revealTab(this.state.tab)));
    this.announce(`${catalogue.name}, ${formatInteger(catalogue.tensors.count)} tensors.`);
    // Sorting by name needs ranks: made while nothing else happens.
    window.setTimeout(() => requestIdleCallback(() => session.table.prepare()), 200);
  }

  private context(): PanelContext {
    const page = this;
    return {
      get state() {
        return page.state;
      },
      patch: (change) => this.patch(change),
      requestRender: () => this.requestRender(),
      announce: (text) => this.announce(text),
      copy: (text) => this.copy(text),
      quantize: () => this.act({ kind: 'quantize' }),
      reveal: (file) => this.act({ kind: 'revealInExplorer', file }),
      exportTensors: () => this.act({ kind: 'exportTensors' }),
      analyzeAll: () => void this.analyzeAll(),
      viewTensor: (tensor) => this.act({ kind: 'viewTensor', tensor }),
      showTab: (tab) => this.showTab(tab),
      showProblems: () => this.act({ kind: 'showProblems' }),
      help: (code) => this.act({ kind: 'findingHelp', code }),
      get operatorOrder() {
        return page.operatorOrder;
      },
      set operatorOrder(by) {
        page.operatorOrder = by;
      },
    };
  }

  private patch(change: Partial<ViewState>): void {
    // Scrolling draws its own rows.
    if (this.memory.patch(change).some((key) => key !== 'scrollTop')) this.requestRender();
  }

  private async analyzeAll(): Promise<void> {
    const session = this.opened?.session;
    if (!session || session.analysis) return;
    this.patch({ showStatistics: true });
    const end = await session.analyzeAll();
    if (end.kind === 'done') this.announce(`Analysis finished: ${formatInteger(end.tensors)} tensors.`);
    else if (end.kind === 'cancelled') {
      this.announce(
        `Analysis cancelled: ${formatInteger(end.done)} of ${formatInteger(end.total)} tensors are done.`,
      );
    } else {
      this.notices = [
        ...this.notices.filter((notice) => notice.kind !== 'failed'),
        { kind: 'failed', message: `The analysis stopped: ${end.error.message}` },
      ];
      this.announce(end.error.message);
    }
    this.memory.save();
    this.requestRender();
  }

  private announce(text: string): void {
    this.live.textContent = text;
  }

  private copy(text: string): void {
    this.act({ kind: 'copy', text });
    this.announce(`Copied ${text.length > 80 ? 'the text' : text}.`);
  }

  private act(action: CheckpointHostContract['action']['params']): void {
    this.rpc.call('action', action).catch((thrown) => {
      const error = LoupeError.from(thrown);
      if (error.code === 'cancelled') return;
      this.notices = [
        ...this.notices.filter((notice) => notice.kind !== 'failed'),
        { kind: 'failed', message: error.message },
      ];
      this.requestRender();
    });
  }

  /** Asks the host to read the file again; it answers with `reload`. */
  private async retry(): Promise<void> {
    const before = this.loads;
    this.notices = this.notices.filter((notice) => notice.kind !== 'changed');
    if (this.screen.kind === 'refused') this.screen = { kind: 'loading' };
    this.requestRender();
    try {
      await this.rpc.call('action', { kind: 'retry' });
    } catch {
      // What went wrong is told by the answer to `ready`.
    }
    if (this.loads === before) await this.load();
  }

  private focusFilter(): void {
    const { opened } = this;
    if (!opened) return;
    if (focusOwnFilter(this.state.tab)) return;
    this.patch({ tab: 'tensors' });
    requestAnimationFrame(() => opened.tensors.focusFilter());
  }

  private requestRender(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      render(this.template(), this.root);
      this.fit();
    });
  }

  private fit(): void {
    const element = this.root.querySelector<HTMLElement>('.strip');
    if (element) fitStrip(element);
  }

  private template(): TemplateResult {
    const { screen } = this;
    switch (screen.kind) {
      case 'loading':
        return openingView(this.opening, this.isSlow);
      case 'refused':
        return refusedView(screen.error, screen.fileName, {
          openAsText: () => this.act({ kind: 'openAsText' }),
          openAsHex: () => this.act({ kind: 'openAsHex' }),
          help: (code) => this.act({ kind: 'findingHelp', code }),
          retry: () => void this.retry(),
          copy: (text) => this.copy(text),
        });
      case 'open':
        return this.openTemplate(screen.checkpoint);
    }
  }

  private openTemplate(checkpoint: OpenedCheckpoint): TemplateResult {
    const { session } = checkpoint;
    const { tab } = this.state;
    return html`${strip(session, () => this.showTab('findings'))} ${noticeBars(this.notices, session.trusted, this.noticeEvents)}
      ${tabBar(tabsOf(checkpoint), tab, (other) => this.showTab(other))}
      <section class="panel" id="panel" role="tabpanel" aria-labelledby="tab-${tab}" data-tab=${tab}>
        ${checkpoint.panel()}
      </section>`;
  }

  private readonly noticeEvents: NoticeEvents = {
    dismiss: (notice) => {
      this.notices = this.notices.filter((other) => other !== notice);
      this.requestRender();
    },
    reload: () => void this.retry(),
  };

  private showTab(tab: TabId): void {
    this.opened?.shown(tab, true);
    this.patch({ tab });
    requestAnimationFrame(() => revealTab(tab));
  }
}
