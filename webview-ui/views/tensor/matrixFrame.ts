/** The matrix with what lies over and under it: the table of its cells, a failure, the readout and the legend. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Region } from '../../../src/protocol/engineApi';
import type { TensorSubject } from '../../../src/protocol/tensorViewApi';
import type { LegendContent } from '../../draw/scaleLegend';
import type { ValueScale } from '../../draw/valueScale';
import { formatBytes } from '../../state/format';
import type { MatrixPlace } from '../../state/matrixPlace';
import { renderCellTable } from './cellTable';
import type { MatrixProfile } from './matrixDrawing';
import type { MatrixSource } from './matrixScene';
import './matrixView';
import type { MatrixView } from './matrixView';
import { passKey } from './pageKeys';
import { groupColumnsOf } from './pageParts';
import { renderUnder } from './readout';
import type { ViewChoices } from './viewChoices';

export interface MatrixFrameState {
  readonly subject: TensorSubject;
  /** null before it is first rendered. */
  readonly matrix: MatrixView | null;
  readonly source: MatrixSource | undefined;
  readonly choices: ViewChoices;
  readonly profile: MatrixProfile | undefined;
  readonly scale: ValueScale | undefined;
  readonly legend: LegendContent | undefined;
  readonly selected: MatrixPlace | undefined;
  readonly hovered: MatrixPlace | undefined;
  readonly marked: Region | undefined;
  readonly showsTable: boolean;
  readonly failure: string | undefined;
  /** Tiles that are awaited. */
  readonly pending: number;
}

export interface MatrixEvents {
  hover(place: MatrixPlace | undefined): void;
  select(place: MatrixPlace): void;
  mark(region: Region | undefined): void;
  /** The view moved, or a tile has come. */
  moved(): void;
  pending(count: number): void;
  fail(thrown: unknown): void;
  recover(): void;
  toggleTable(): void;
}

export function renderMatrixFrame(state: MatrixFrameState, events: MatrixEvents): TemplateResult {
  const { subject, matrix, choices, failure, selected } = state;
  const scene = matrix?.scene;
  const place = state.hovered ?? selected;
  const isReading = !failure && !(state.scale && scene?.overview);
  const label = `Values of ${subject.name}. Arrow keys move the cursor, plus and minus zoom, 0 shows everything, G goes to an index, T shows a table.`;
  return html`<div class="frame">
      <tl-matrix
        .source=${state.source}
        .scale=${state.scale}
        .isMagnitude=${choices.cells === 'magnitude'}
        .profile=${state.profile}
        .profileKind=${choices.profile}
        .groupColumns=${groupColumnsOf(subject, choices.slice)}
        .label=${label}
        .selected=${selected}
        @tl-hover=${(event: CustomEvent<MatrixPlace | null>) => events.hover(event.detail ?? undefined)}
        @tl-select=${(event: CustomEvent<MatrixPlace>) => events.select(event.detail)}
        @tl-mark=${(event: CustomEvent<Region | null>) => events.mark(event.detail ?? undefined)}
        @tl-view=${events.moved}
        @tl-tile=${events.moved}
        @tl-pending=${(event: CustomEvent<number>) => events.pending(event.detail)}
        @tl-failure=${(event: CustomEvent<unknown>) => events.fail(event.detail)}
      ></tl-matrix>
      ${state.showsTable ? renderTable(state, events) : nothing}
      ${isReading ? html`<p class="reading" role="status">Reading ${formatBytes(subject.bytes)}…</p>` : nothing}
    </div>
    ${
      failure
        ? html`<p class="failure" role="alert" data-testid="tile-failure">
            The values could not be read: ${failure}
            <button type="button" class="link" @click=${events.recover}>Try again</button>
          </p>`
        : nothing
    }
    ${renderUnder({ place, scene, cells: choices.cells, pending: failure ? 0 : state.pending, marked: state.marked, legend: state.legend })}`;
}

/** Over the picture, which goes on underneath: its keys are handed on to it. */
function renderTable({ subject, matrix, selected }: MatrixFrameState, events: MatrixEvents) {
  const scene = matrix?.scene;
  if (!matrix || !scene) return nothing;
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      events.toggleTable();
      event.stopPropagation();
    } else passKey(event, matrix.heatmap);
  };
  return html`<div class="table-over" tabindex="0" @keydown=${onKey} data-testid="table-view">
    <p class="quiet small">Arrow keys move the cursor; T or Escape goes back to the picture.</p>
    ${renderCellTable(scene, selected, `Cells of ${subject.name} around the cursor`, (at) => matrix.select(at))}
  </div>`;
}
