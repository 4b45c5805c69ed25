/** What a heatmap draws. */

/** Half-open ranges in rows and columns of the whole matrix. */
export interface Extent {
  readonly row0: number;
  readonly row1: number;
  readonly column0: number;
  readonly column1: number;
}

/** rows x columns cells that fill an extent evenly; values row by row. */
export interface HeatmapLayer {
  readonly extent: Extent;
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}
