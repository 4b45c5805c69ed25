/** What the Memory tab's estimate is of: use or training, and their settings. */
import { html, type TemplateResult } from 'lit';
import type { MemoryEstimate } from '../../../src/protocol/memoryApi';
import { shownRows } from '../../../src/protocol/memoryRows';
import { formatBytes } from '../../state/format';
import {
  largestBatch,
  largestContext,
  largestLoraRank,
  largestRanks,
  type MemoryState,
  sliderSteps,
} from '../../state/memoryState';
import { checkField, choiceField, numberField } from './numberField';

export interface ControlSubject {
  readonly state: MemoryState;
  /** The latest that is known. */
  readonly estimate: MemoryEstimate | undefined;
  readonly cacheDtypes: readonly string[];
}

type Change = (change: Partial<MemoryState>) => void;

/** Where a slider ends for a model that does not say how long its context is. */
const usualLongest = 2 ** 17;
const batchSteps = sliderSteps(1, 256);

export function memoryControls(subject: ControlSubject, change: Change): TemplateResult {
  const { state } = subject;
  const mode = (id: MemoryState['mode'], label: string) => html`<button
    type="button"
    role="radio"
    class="toggle"
    data-testid="memory-mode-${id}"
    aria-checked=${state.mode === id}
    aria-pressed=${state.mode === id}
    tabindex=${state.mode === id ? 0 : -1}
    @click=${() => change({ mode: id })}
    @keydown=${(event: KeyboardEvent) => onModeKey(event, change)}
  >${label}</button>`;
  return html`<div class="memory-controls" role="group" aria-label="Setting">
    <div class="memory-modes" role="radiogroup" aria-label="What the model is for">
      ${mode('use', 'Use')} ${mode('training', 'Training')}
    </div>
    ${state.mode === 'use' ? useFields(subject, change) : trainingFields(subject, change)}
  </div>`;
}

/** Arrow keys choose in a group of radio buttons. */
function onModeKey(event: KeyboardEvent, change: Change): void {
  if (!/^Arrow/.test(event.key)) return;
  event.preventDefault();
  const button = event.currentTarget as HTMLElement;
  const other = [...button.parentElement!.querySelectorAll<HTMLElement>('[role="radio"]')].find(
    (each) => each !== button,
  );
  change({ mode: button.dataset.testid === 'memory-mode-use' ? 'training' : 'use' });
  other?.focus();
}

/** The context's slider ends with the model's own longest context, beyond which one may still type. */
function lengthFields({ state, estimate }: ControlSubject, change: Change, label: string): TemplateResult {
  const longest = estimate?.longestContext ?? usualLongest;
  const context = state.context ?? estimate?.setting.context ?? 4096;
  return html`${numberField({
    id: 'context',
    label,
    unit: 'tokens',
    value: context,
    most: largestContext,
    steps: sliderSteps(Math.min(256, longest), Math.max(longest, 1)),
    hint: 'Tokens of one sequence, those that are written included',
    change: (value) => change({ context: value }),
  })}
  ${numberField({
    id: 'batch',
    label: state.mode === 'use' ? 'Sequences at once' : 'Sequences on each GPU',
    unit: state.batch === 1 ? 'sequence' : 'sequences',
    value: state.batch,
    most: largestBatch,
    steps: batchSteps,
    change: (batch) => change({ batch }),
  })}`;
}

function useFields(subject: ControlSubject, change: Change): TemplateResult {
  const { state, cacheDtypes } = subject;
  const types = cacheDtypes.includes(state.kvDtype) ? cacheDtypes : [state.kvDtype, ...cacheDtypes];
  return html`${lengthFields(subject, change, 'Context')}
  ${choiceField({
    id: 'runtime',
    label: 'Runtime',
    value: state.runtime,
    options: [
      ['llama.cpp', 'llama.cpp'],
      ['vllm', 'vLLM'],
      ['transformers', 'transformers'],
    ],
    hint: 'Runtimes lay caches out differently and compute in different portions',
    change: (runtime) => change({ runtime }),
  })}
  ${weightsField(subject, change)}
  ${choiceField({
    id: 'kv-dtype',
    label: 'Type of the cache',
    value: state.kvDtype,
    options: types.map((type) => [type, type] as const),
    change: (kvDtype) => change({ kvDtype }),
  })}
  ${choiceField({
    id: 'value-dtype',
    label: 'Values of the cache',
    value: state.valueDtype ?? '',
    options: [['', 'as the keys'], ...types.map((type) => [type, type] as const)],
    change: (type) => change({ valueDtype: type === '' ? undefined : type }),
  })}
  ${checkField('flash-attention', 'Flash attention', state.flashAttention, (flashAttention) => change({ flashAttention }))}`;
}

function weightsField({ state, estimate }: ControlSubject, change: Change): TemplateResult {
  const { schemes, mixes } = shownRows(estimate ?? { table: [], mixes: [] });
  const option = (scheme: string, text: string) =>
    html`<option value=${scheme} ?selected=${scheme === (state.dtype ?? '')}>${text}</option>`;
  const sized = ({ scheme, label, bytes }: { scheme: string; label: string; bytes: number }) =>
    option(scheme, `${label} · ${formatBytes(bytes)}`);
  return html`<div class="memory-field">
    <label for="memory-dtype">Weights</label>
    <select
      class="plain-select"
      id="memory-dtype"
      data-testid="memory-dtype"
      .value=${state.dtype ?? ''}
      @change=${(event: Event) => {
        const { value } = event.target as HTMLSelectElement;
        change({ dtype: value === '' ? undefined : value });
      }}
    >
      ${option('', 'As stored')} ${option('f32', 'F32')}
      <optgroup label="Schemes">${schemes.map(sized)}</optgroup>
      ${mixes.length > 0 ? html`<optgroup label="Mixes of GGUF">${mixes.map(sized)}</optgroup>` : ''}
    </select>
  </div>`;
}

function trainingFields(subject: ControlSubject, change: Change): TemplateResult {
  const { state } = subject;
  return html`${choiceField({
    id: 'method',
    label: 'Method',
    value: state.method,
    options: [
      ['full', 'Full: every parameter learns'],
      ['lora', 'LoRA: adapters on 16-bit weights'],
      ['qlora', 'QLoRA: adapters on NF4 weights'],
    ],
    change: (method) => change({ method }),
  })}
  ${
    state.method === 'full'
      ? ''
      : numberField({
          id: 'lora-rank',
          label: 'Rank of the adapters',
          unit: '',
          value: state.loraRank,
          most: largestLoraRank,
          steps: sliderSteps(1, 256),
          hint: 'On every matrix of the layers',
          change: (loraRank) => change({ loraRank }),
        })
  }
  ${choiceField({
    id: 'optimizer',
    label: 'Optimizer',
    value: state.optimizer,
    options: [
      ['adamw', 'AdamW'],
      ['adamw-8bit', 'AdamW in 8 bits'],
      ['adafactor', 'Adafactor'],
      ['sgd', 'SGD without momentum'],
    ],
    change: (optimizer) => change({ optimizer }),
  })}
  ${choiceField({
    id: 'precision',
    label: 'Precision',
    value: state.precision,
    options: [
      ['mixed', '16 bits with a float32 copy'],
      ['f32', 'float32'],
    ],
    hint: 'Of the weights that learn',
    change: (precision) => change({ precision }),
  })}
  ${lengthFields(subject, change, 'Length of a sequence')}
  ${numberField({
    id: 'ranks',
    label: 'GPUs',
    unit: state.ranks === 1 ? 'GPU' : 'GPUs',
    value: state.ranks,
    most: largestRanks,
    steps: sliderSteps(1, 64),
    hint: 'Each trains on data of its own',
    change: (ranks) => change({ ranks }),
  })}
  ${
    state.ranks > 1
      ? choiceField({
          id: 'zero',
          label: 'ZeRO',
          value: String(state.zeroStage) as '0' | '1' | '2' | '3',
          options: [
            ['0', 'Off: each GPU keeps all'],
            ['1', 'Stage 1: optimizer divided'],
            ['2', 'Stage 2: gradients too'],
            ['3', 'Stage 3: weights too'],
          ],
          change: (stage) => change({ zeroStage: Number(stage) as MemoryState['zeroStage'] }),
        })
      : ''
  }
  ${checkField('checkpointing', 'Gradient checkpointing', state.checkpointing, (checkpointing) => change({ checkpointing }))}
  ${checkField('flash-attention', 'Flash attention', state.flashAttention, (flashAttention) => change({ flashAttention }))}`;
}
