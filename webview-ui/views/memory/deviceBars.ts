/** How full each device gets: a bar of stacked parts against its memory, and the same as a table. */
import { html, nothing, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import type {
  FitReport,
  MemoryChoices,
  MemoryEstimate,
  MemoryPartKind,
} from '../../../src/protocol/memoryApi';
import { formatBytes, formatExactBytes, formatInteger } from '../../state/format';
import { mostDevices } from '../../state/memoryState';
import { boundReason, boundText, deviceText, deviceTitle, partLabels, verdictWords } from './memoryTexts';

export interface BarSubject {
  readonly estimate: MemoryEstimate;
  readonly choices: MemoryChoices;
}

export interface BarActions {
  add(device: string): void;
  remove(at: number): void;
}

const styled = (properties: Readonly<Record<string, number>>) =>
  ref((element) => {
    for (const [name, value] of Object.entries(properties))
      (element as HTMLElement | undefined)?.style.setProperty(name, String(value));
  });

export function deviceBars(subject: BarSubject, actions: BarActions): TemplateResult {
  const { estimate } = subject;
  const { fits } = estimate;
  const kinds = partKinds(fits);
  return html`<section class="device-bars" aria-label="Devices">
    <div class="bar-legend" aria-hidden="true">
      ${kinds.map((kind) => html`<span><span class="swatch part-${kind}"></span>${partLabels[kind]}</span>`)}
      <span><span class="swatch part-free"></span>Free</span>
    </div>
    <ul class="device-list">
      ${fits.map((fit, at) => deviceBar(fit, estimate, () => actions.remove(at)))}
    </ul>
    ${fits.length === 0 ? html`<p class="quiet">No device is chosen: add one to see whether the model fits.</p>` : nothing}
    ${adding(subject, actions)}
    ${
      fits.length > 0
        ? html`<details class="bar-table">
            <summary>Bars as a table</summary>
            <div class="wide-table">${barTable(fits, kinds)}</div>
          </details>`
        : nothing
    }
  </section>`;
}

/** Parts that are anywhere more than nothing. */
function partKinds(fits: readonly FitReport[]): readonly MemoryPartKind[] {
  const kinds = new Set(fits.flatMap(({ parts }) => parts.map(({ kind }) => kind)));
  return [...kinds].filter((kind) =>
    fits.some(({ parts }) => parts.some((part) => part.kind === kind && part.bytes > 0)),
  );
}

function deviceBar(fit: FitReport, estimate: MemoryEstimate, remove: () => void): TemplateResult {
  const { parts, memoryBytes, neededBytes, roomBytes, verdict } = fit;
  const wanted = neededBytes + (memoryBytes - roomBytes);
  // A need beyond the memory takes the whole width, and a line shows where the memory ends.
  const whole = Math.max(memoryBytes, wanted);
  const title = deviceTitle(fit);
  return html`<li class="device" data-testid="memory-device" data-device=${fit.label} data-verdict=${verdict}>
    <div class="device-line">
      <span class="device-name">${title}</span>
      <span class="verdict verdict-${verdict}" data-testid="memory-verdict">${verdictWords[verdict]}</span>
      <span class="device-need number" title="${formatExactBytes(wanted)} of ${formatExactBytes(memoryBytes)}, of which ${formatExactBytes(roomBytes)} can be used">${formatBytes(wanted)} of ${formatBytes(memoryBytes)}</span>
      <button type="button" class="link device-remove" aria-label="Remove ${title}" @click=${remove}>Remove</button>
    </div>
    <div class="device-bar" aria-hidden="true">
      ${parts.map(
        ({ kind, bytes }) =>
          html`<span class="device-part part-${kind}" title="${partLabels[kind]}: ${formatBytes(bytes)}" ${styled({ '--part': bytes / whole })}></span>`,
      )}
      ${
        wanted > memoryBytes
          ? html`<span class="device-end" title="${formatBytes(memoryBytes)}" ${styled({ '--end': memoryBytes / whole })}></span>`
          : nothing
      }
    </div>
    <p class="device-words small quiet">${fitWords(fit, estimate)}</p>
  </li>`;
}

/** The engine tries no larger batches. */
const mostTriedBatch = 2 ** 16;

function fitWords(fit: FitReport, estimate: MemoryEstimate): TemplateResult {
  const isTraining = estimate.training !== undefined;
  const { largestContext, largestBatch, offload, notes, tokensPerSecondBound } = fit;
  const length =
    largestContext === undefined
      ? nothing
      : largestContext > 0
        ? html`At most <b>${formatInteger(largestContext)}</b> tokens a sequence${largestBatch !== undefined && largestBatch > 0 ? html`, or ${largestBatch >= mostTriedBatch ? 'at least ' : nothing}<b>${formatInteger(largestBatch)}</b> ${largestBatch === 1 ? 'sequence' : 'sequences'} of this length` : nothing}.`
        : isTraining
          ? 'Not even one token fits.'
          : 'The weights alone are too large.';
  const layers = offload
    ? html` ${formatInteger(offload.layers)} of ${formatInteger(offload.of)} layers fit (<span class="mono">--n-gpu-layers ${offload.layers}</span>), the rest runs on the processor.`
    : nothing;
  const bound =
    tokensPerSecondBound === undefined
      ? nothing
      : html` <span title=${boundReason}><b>${boundText(tokensPerSecondBound)}</b>, a bound by the memory's speed.</span>`;
  return html`${length}${layers}${bound} ${notes.join(' ')}`;
}

function barTable(fits: readonly FitReport[], kinds: readonly MemoryPartKind[]): TemplateResult {
  const bytesOf = ({ parts }: FitReport, kind: MemoryPartKind) =>
    parts.find((part) => part.kind === kind)?.bytes ?? 0;
  const cell = (bytes: number) =>
    html`<td class="number" title=${formatExactBytes(bytes)}>${formatBytes(bytes)}</td>`;
  return html`<table class="sheet" data-testid="memory-bar-table">
    <thead>
      <tr>
        <th scope="col">Device</th>
        ${kinds.map((kind) => html`<th scope="col" class="number">${partLabels[kind]}</th>`)}
        <th scope="col" class="number">Needed</th><th scope="col" class="number">Memory</th><th scope="col">Verdict</th>
      </tr>
    </thead>
    <tbody>
      ${fits.map(
        (fit) => html`<tr>
          <th scope="row">${deviceTitle(fit)}</th>
          ${kinds.map((kind) => cell(bytesOf(fit, kind)))}
          ${cell(fit.neededBytes + fit.memoryBytes - fit.roomBytes)} ${cell(fit.memoryBytes)}
          <td>${verdictWords[fit.verdict]}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

/** GPUs of this machine, common ones, several of a kind, the memory, and any size. */
function adding({ choices, estimate }: BarSubject, { add }: BarActions): TemplateResult {
  const isFull = estimate.fits.length >= mostDevices;
  const counted = (form: HTMLFormElement, device: string) => {
    const count = Number(new FormData(form).get('count') ?? 1);
    return count > 1 ? `${count}x ${device}` : device;
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const data = new FormData(form);
    const device = String(data.get('device') ?? '');
    if (device === 'ram') add('ram');
    else if (device === 'all') add(choices.here.map(deviceText).join('+'));
    else if (device === 'other') {
      const size = Number(data.get('size'));
      if (size > 0) add(counted(form, `${size}GB`));
    } else add(counted(form, device));
  };
  return html`<form class="add-device" @submit=${submit}>
    <label for="add-device">Compare with</label>
    <select class="plain-select" id="add-device" name="device" data-testid="memory-add-device" ?disabled=${isFull}>
      <optgroup label="This machine">
        ${choices.here.map((gpu) => html`<option value=${deviceText(gpu)}>${gpu.name} · ${formatBytes(gpu.memoryBytes)}</option>`)}
        ${choices.here.length > 1 ? html`<option value="all">All GPUs together</option>` : nothing}
        <option value="ram">Memory of the machine · ${formatBytes(choices.ramBytes)}</option>
      </optgroup>
      <optgroup label="Other GPUs">
        ${choices.common.map(
          ({ name, memoryBytes }) =>
            html`<option value=${name} ?selected=${name === 'RTX 4090'}>${name} · ${formatBytes(memoryBytes)}</option>`,
        )}
      </optgroup>
      <option value="other">Another size</option>
    </select>
    <label class="add-count">How many <input class="plain-number" type="number" name="count" min="1" max="1024" value="1" ?disabled=${isFull} /></label>
    <label class="add-size">GiB, for another size <input class="plain-number" type="number" name="size" min="1" max="100000" step="any" value="24" data-testid="memory-add-size" ?disabled=${isFull} /></label>
    <button class="plain-button" type="submit" data-testid="memory-add" ?disabled=${isFull} title=${isFull ? `${mostDevices} at most` : ''}>Add</button>
  </form>`;
}
