/** The views of one opened checkpoint: made when it is opened, told when they are looked at, put into the panel. */
import type { TemplateResult } from 'lit';
import type { Sidecar } from '../../../src/protocol/engineApi';
import { type MetadataSection, metadataSections } from '../../state/metadataRows';
import type { CheckpointSession } from '../../state/session';
import { type TokenizerSummary, tokenizerSummary } from '../../state/tokenizer';
import type { TabId } from '../../state/viewState';
import { findingsView } from '../findingsView';
import { graphView, type OperatorOrder } from '../graphView';
import { ImportanceView } from '../importance/importanceView';
import { MemoryView } from '../memory/memoryView';
import { configView, sidecarsOf } from '../metadata/configView';
import { metadataView } from '../metadata/metadataView';
import { tokenizerView } from '../metadata/tokenizerView';
import { OutliersView } from '../outliers/outliersView';
import type { CheckpointRpc, PageContext } from '../pageContext';
import { SensitivityView } from '../sensitivity/sensitivityView';
import { TensorsView } from '../tensorList/tensorsView';
import type { TabContent } from './tabBar';

/** What panels ask of the page beside what all views do. */
export interface PanelContext extends PageContext {
  showTab(tab: TabId): void;
  /** Opens VS Code's list of problems. */
  showProblems(): void;
  help(code: string): void;
  /** Of the graph's operators; the page keeps it when the file is read again. */
  operatorOrder: OperatorOrder;
}

export class OpenedCheckpoint implements TabContent {
  readonly metadata: readonly MetadataSection[];
  readonly tokenizer: TokenizerSummary | undefined;
  readonly sidecars: readonly Sidecar[];
  readonly tensors: TensorsView;
  private readonly outliers: OutliersView;
  private readonly sensitivity: SensitivityView;
  private readonly importance: ImportanceView;
  private readonly memory: MemoryView;

  constructor(
    readonly session: CheckpointSession,
    private readonly context: PanelContext,
    rpc: CheckpointRpc,
  ) {
    const { catalogue } = session;
    this.metadata = metadataSections(catalogue.format, catalogue.metadata);
    this.tokenizer = tokenizerSummary(catalogue);
    this.sidecars = sidecarsOf(catalogue);
    this.tensors = new TensorsView(session, context);
    this.outliers = new OutliersView(session, context);
    this.sensitivity = new SensitivityView(session, context, rpc);
    this.importance = new ImportanceView(session, context, rpc);
    this.memory = new MemoryView(session, context, rpc);
  }

  dispose(): void {
    this.session.dispose();
    this.tensors.dispose();
    this.outliers.dispose();
    this.sensitivity.dispose();
    this.importance.dispose();
    this.memory.dispose();
  }

  /** Tabs that ask for something do so once they are looked at; `isBack`: not for the first time. */
  shown(tab: TabId, isBack: boolean): void {
    if (tab === 'tensors' && isBack) this.tensors.shown();
    if (tab === 'outliers' || tab === 'sensitivity' || tab === 'memory' || tab === 'importance')
      this[tab].shown();
  }

  /** What the chosen tab shows; the tensors where it has nothing. */
  panel(): TemplateResult {
    const { context, session } = this;
    const { state } = context;
    const common = { copy: context.copy, changed: context.requestRender };
    switch (state.tab) {
      case 'outliers':
      case 'sensitivity':
      case 'importance':
      case 'memory':
        return this[state.tab].render();
      case 'metadata':
        return metadataView(session, this.metadata, state.metadataFilter, {
          ...common,
          filter: (metadataFilter) => context.patch({ metadataFilter }),
        });
      case 'config':
        return configView(this.sidecars, state.configFilter, {
          ...common,
          filter: (configFilter) => context.patch({ configFilter }),
        });
      case 'findings':
        return findingsView(session, {
          select: (tensor) => this.showTensor(tensor),
          showProblems: context.showProblems,
          help: context.help,
          copy: context.copy,
          analyzeAll: context.analyzeAll,
        });
      case 'tokenizer':
        return this.tokenizer ? tokenizerView(session, this.tokenizer, context) : this.tensors.render();
      case 'graph':
        return this.graph();
      default:
        return this.tensors.render();
    }
  }

  private graph(): TemplateResult {
    const { context } = this;
    const { graph, tensors } = this.session.catalogue;
    if (!graph) return this.tensors.render();
    return graphView(graph, context.operatorOrder, {
      sort: (by) => {
        context.operatorOrder = by;
        context.requestRender();
      },
      select: (name) => this.showTensor(tensors.names.indexOf(name)),
    });
  }

  private showTensor(tensor: number): void {
    if (tensor < 0) return;
    this.context.showTab('tensors');
    requestAnimationFrame(() => this.tensors.select(tensor, true));
  }
}
