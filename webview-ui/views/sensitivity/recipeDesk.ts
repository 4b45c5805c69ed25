/** The recipe of the Sensitivity tab: rules are put into it, its figures are told, and it is handed to the host. */
import type { TemplateResult } from 'lit';
import { LoupeError, type Rpc } from '../../../src/protocol/rpc';
import type { SchemeOffer } from '../../../src/protocol/sensitivityPageApi';
import type { CheckpointHostContract, CheckpointPageContract } from '../../../src/protocol/webviewApi';
import { formatBits, formatBytes } from '../../state/format';
import { type RuleScope, withoutRule, withRule } from '../../state/recipeDraft';
import type { CheckpointSession } from '../../state/session';
import { recipeBar } from './recipeBar';
import type { SensitivityModel } from './sensitivityModel';
import type { SensitivityTab } from './sensitivityTab';

export class RecipeDesk {
  constructor(
    private readonly model: SensitivityModel,
    private readonly session: CheckpointSession,
    private readonly rpc: Pick<Rpc<CheckpointPageContract, CheckpointHostContract>, 'call'>,
    private readonly tab: SensitivityTab,
  ) {}

  render(columns: readonly SchemeOffer[]): TemplateResult {
    const { model, session, tab } = this;
    const { state } = tab;
    const draft = model.draft(state);
    const base = model.byKey.get(draft.base);
    return recipeBar(
      {
        draft,
        offers: model.byKey,
        schemes: base && !columns.includes(base) ? [...columns, base] : columns,
        places: model.places,
        total: model.recipeTotal(state),
        plan: model.plan(state),
        bytes: session.catalogue.bytes,
        trusted: session.trusted,
        matrix: model.recipeMatrix(state),
      },
      {
        base: (choice) => {
          tab.patch({ base: choice });
          this.announce();
        },
        remove: (rule) => {
          tab.patch({ rules: withoutRule(draft, rule).rules });
          this.announce();
        },
        clear: () => {
          tab.patch({ rules: [] });
          this.announce();
        },
        save: () => this.send('save'),
        quantize: () => this.send('quantize'),
      },
    );
  }

  /** Gives a tensor, its layer or its kind of module a scheme. */
  use(scope: RuleScope, tensor: number, choice: string): void {
    const { model, tab } = this;
    const target = model.places.target(scope, tensor);
    tab.patch({ rules: withRule(model.draft(tab.state), { scope, target, choice }).rules });
    this.announce();
  }

  private announce(): void {
    const { bytes, bitsPerWeight, sqnr } = this.model.recipeTotal(this.tab.state);
    const error = Number.isFinite(sqnr) ? `, SQNR ${sqnr.toFixed(1)} dB` : '';
    this.tab.announce(`Recipe: ${formatBytes(bytes)}, ${formatBits(bitsPerWeight)} bits a weight${error}.`);
  }

  private send(purpose: 'save' | 'quantize'): void {
    const { model, tab } = this;
    const recipe = model.recipe(tab.state);
    const imatrix = model.recipeMatrix(tab.state);
    tab.tell('');
    this.rpc.call('recipe', { purpose, recipe, imatrix }).catch((thrown) => {
      const error = LoupeError.from(thrown);
      if (error.code !== 'cancelled') tab.tell(`The recipe could not be handed over: ${error.message}`);
    });
  }
}
