/** The tiles of one scheme: an overview of the whole tensor for the colours, and the finest tile that is there. */
import type { ErrorTile, Region } from '../../../src/protocol/engineApi';
import { groupsOf, notesOf, type PictureKind, pictureKinds } from './pictureKinds';
import { type FetchTile, TileLoader } from './tileLoader';
import { sameRegion } from './viewport';

type Notes = ReturnType<typeof notesFor>;

export class SideTiles {
  overview: ErrorTile | undefined;
  tile: ErrorTile | undefined;
  failure: string | undefined;
  busy = false;
  /** Made once for each tile, so that pictures see no change where there is none. */
  private drawn: { tile: ErrorTile; notes: Notes; groupOf: ReturnType<typeof groupsOf> } | undefined;
  private readonly loader: TileLoader;

  constructor(
    fetch: FetchTile,
    tensor: number,
    private readonly shape: { readonly rows: number; readonly columns: number },
    changed: (what: 'overview' | 'tile' | 'state') => void,
  ) {
    this.loader = new TileLoader(fetch, {
      onTile: (tile) => {
        this.failure = undefined;
        this.tile = tile;
        const whole = { row0: 0, row1: shape.rows, column0: 0, column1: shape.columns };
        const isFirst = this.overview === undefined;
        if (sameRegion(tile.region, whole)) this.overview = tile;
        changed(isFirst ? 'overview' : 'tile');
      },
      onFailure: (error) => {
        this.failure = error instanceof Error ? error.message : String(error);
        changed('state');
      },
      onBusy: (busy) => {
        this.busy = busy;
        changed('state');
      },
    });
    this.loader.setTensor(tensor);
  }

  /** What is shown at best. */
  get top(): ErrorTile | undefined {
    return this.tile ?? this.overview;
  }

  /** Until the overview is there, it is what is wished for: the colours come from it. */
  want(region: Region, pixels: { width: number; height: number }, at: 'once' | 'rest'): void {
    const { rows, columns } = this.shape;
    const whole = { row0: 0, row1: rows, column0: 0, column1: columns };
    this.loader.want(this.overview ? region : whole, pixels, at);
  }

  retry(): void {
    this.failure = undefined;
    this.loader.retry();
  }

  stop(): void {
    this.loader.stop();
  }

  /** The second lines of the cells, and the groups of values that share a scale. */
  details(kind: PictureKind): { notes: Notes[PictureKind]; groupOf: ReturnType<typeof groupsOf> } {
    const { top } = this;
    if (!top) return { notes: null, groupOf: null };
    if (this.drawn?.tile !== top) {
      const groupOf = top.codes ? groupsOf(top.codes, this.shape.columns) : null;
      this.drawn = { tile: top, notes: notesFor(top), groupOf };
    }
    return { notes: this.drawn.notes[kind], groupOf: this.drawn.groupOf };
  }
}

function notesFor(tile: ErrorTile) {
  return Object.fromEntries(pictureKinds.map((kind) => [kind, notesOf(tile, kind)])) as Record<
    PictureKind,
    ReturnType<typeof notesOf>
  >;
}
