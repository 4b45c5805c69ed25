/** The tokenizer: what it is, its special tokens, its chat template as text, and all tokens. */
import { html, nothing, type TemplateResult } from 'lit';
import { formatInteger } from '../../state/format';
import { visibleText } from '../../state/pagedValues';
import { type CheckpointSession, tokenizerFileKey } from '../../state/session';
import { type TokenArray, type TokenizerSummary, tokenTypes } from '../../state/tokenizer';
import './arrayView';
import { copyIcon, warningIcon } from '../icons';

/** Added tokens drawn at once. */
const shownAdded = 600;

export interface TokenizerEvents {
  copy(text: string): void;
}

export function tokenizerView(
  session: CheckpointSession,
  summary: TokenizerSummary,
  events: TokenizerEvents,
): TemplateResult {
  const { specials, facts, templates, added } = summary;
  const fileLength = summary.tokens ? undefined : session.tokenizerFileLength;
  const tokens = summary.tokens ?? (fileLength ? { key: tokenizerFileKey, length: fileLength } : undefined);
  const vocabulary = summary.vocabulary ?? tokens?.length;
  const problem = session.tokenizerFileProblem;
  const hasIds = specials.some(({ id }) => id !== undefined);
  const fact = (label: string, value: string | TemplateResult) =>
    html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
  return html`<section class="page tokenizer" data-testid="tokenizer">
    <dl class="fact-row">
      ${fact('Kind', html`<span data-testid="tokenizer-kind">${summary.kind}</span>`)}
      ${vocabulary === undefined ? nothing : fact('Vocabulary', `${formatInteger(vocabulary)} tokens`)}
      ${facts.map(({ label, value }) => fact(label, value))}
    </dl>
    ${
      specials.length > 0
        ? html`<h2>Special tokens</h2>
            <table class="sheet specials" data-testid="special-tokens">
              <thead><tr><th scope="col">Role</th>${hasIds ? html`<th scope="col" class="number">Id</th>` : nothing}<th scope="col">Token</th></tr></thead>
              <tbody>
                ${specials.map(
                  ({ role, id, text }) => html`<tr>
                    <th scope="row">${role.replaceAll('_', ' ')}</th>
                    ${hasIds ? html`<td class="number">${id ?? ''}</td>` : nothing}
                    <td class="mono">${text === undefined ? specialToken(session, tokens, id) : visibleText(text)}</td>
                  </tr>`,
                )}
              </tbody>
            </table>`
        : nothing
    }
    ${templates.map(
      ({ name, text }) => html`<div class="page-heading template-heading">
          <h2>Chat template${templates.length > 1 || name !== 'default' ? html` <span class="quiet">${name}</span>` : nothing}</h2>
          <button type="button" class="icon-button" title="Copy the template" aria-label="Copy the chat template ${name}" @click=${() => events.copy(text)}>${copyIcon()}</button>
        </div>
        <p class="quiet small">Jinja source, ${formatInteger(text.length)} characters, shown as it is stored and never run.</p>
        <pre class="template" tabindex="0" data-testid="chat-template">${text}</pre>`,
    )}
    ${problem === undefined ? nothing : html`<p class="sidecar-error" data-testid="tokenizer-problem">${warningIcon()}<span>tokenizer.json cannot be used. ${problem}</span></p>`}
    ${
      tokens
        ? html`<h2>Tokens</h2>
            <tl-array
              class="tokens"
              data-testid="tokens"
              .values=${session.array(tokens.key, tokens.length)}
              .beside=${typesOf(session, tokens)}
              .label=${'tokens'}
              .onCopy=${events.copy}
            ></tl-array>`
        : nothing
    }
    ${
      added.length > 0
        ? html`<h2>Added tokens <span class="quiet">${formatInteger(added.length)}</span></h2>
            <table class="sheet specials" data-testid="added-tokens">
              <thead><tr><th scope="col" class="number">Id</th><th scope="col">Token</th><th scope="col">Special</th></tr></thead>
              <tbody>
                ${added.slice(0, shownAdded).map(
                  ({ id, text, special }) => html`<tr>
                    <th scope="row" class="number">${id}</th>
                    <td class="mono">${visibleText(text)}</td>
                    <td class="quiet">${special ? 'yes' : 'no'}</td>
                  </tr>`,
                )}
              </tbody>
            </table>
            ${added.length > shownAdded ? html`<p class="quiet">${formatInteger(added.length - shownAdded)} more.</p>` : nothing}`
        : nothing
    }
  </section>`;
}

const typeColumns = new WeakMap<
  CheckpointSession,
  { title: string; values: unknown; show(value: unknown): string }
>();

/** The same object at each drawing: the list would start anew with another. */
function typesOf(session: CheckpointSession, { typesKey, length }: TokenArray) {
  if (typesKey === undefined) return undefined;
  let column = typeColumns.get(session);
  if (!column) {
    column = {
      title: 'Type',
      values: session.array(typesKey, length),
      show: (value) => tokenTypes[Number(value)] ?? `type ${value}`,
    };
    typeColumns.set(session, column);
  }
  return column;
}

/** The text of a special token that lies beyond the array's head: read when it is first shown. */
function specialToken(
  session: CheckpointSession,
  tokens: TokenArray | undefined,
  id: number | undefined,
): TemplateResult {
  if (!tokens || id === undefined) return html`<span class="quiet">–</span>`;
  if (id < 0 || id >= tokens.length) return html`<span class="quiet">outside the vocabulary</span>`;
  const text = session.token(tokens.key, tokens.length, id);
  return text === undefined ? html`<span class="quiet">…</span>` : html`${visibleText(text)}`;
}
