/** What the tensor viewer's page and the extension host say to each other. */
import type { SerializedError } from '../errors';
import type { Aggregate, EngineContract, Region, TensorSlice, TensorStats, Tile } from './engineApi';
import type { ElementReading, TensorViewContract } from './tensorViews';
import type { ViewSettings } from './webviewApi';

/** The tensor that a viewer shows. */
export interface TensorSubject {
  readonly name: string;
  /** Of the checkpoint. */
  readonly checkpoint: string;
  readonly path: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly bytes: number;
  /** Values along a row that share a scale; 0 where each value stands for itself. */
  readonly blockElements: number;
  /** Why its values cannot be read. */
  readonly unreadable?: string | undefined;
}

/** What a viewer is to show, kept by VS Code over a reload of the window. */
export interface TensorViewState {
  /** Of the checkpoint's document. */
  readonly uri: string;
  /** By name: a changed file may have it at another place. */
  readonly tensor: string;
  /** The page's own part. */
  readonly view?: unknown;
}

type DistributionContract = EngineContract['distribution'];

/** Another tensor over the histogram: `overlay` is told with its requests. */
export interface OverlayTensor {
  readonly index: number;
  readonly name: string;
}

/** Asked by the viewer's page. Regions are over the matrix that the slice gives. */
export type TensorHostContract = {
  /** A refused file or a tensor that is no longer there is an answer, not a failure. */
  ready: {
    params: Record<string, never>;
    result:
      | {
          ok: true;
          subject: TensorSubject;
          settings: ViewSettings;
          /** To be kept by the page with `setState`. */
          kept: TensorViewState;
        }
      | { ok: false; error: SerializedError; title: string };
  };
  /** With channels. null: no values to be had. */
  stats: { params: Record<string, never>; result: TensorStats | null };
  distribution: {
    params: Omit<DistributionContract['params'], 'path' | 'generation' | 'tensor'> & {
      /** Another tensor of the checkpoint; undefined: the one shown. */
      tensor?: number | undefined;
    };
    result: DistributionContract['result'];
  };
  /** Lets the user pick another tensor of the checkpoint; undefined when they do not. */
  pickOverlay: { params: Record<string, never>; result: OverlayTensor | undefined };
  tile: {
    params: {
      region: Region;
      slice?: TensorSlice | undefined;
      aggregate: Aggregate;
      rows: number;
      columns: number;
      /** Each cell covers 2^n values along an axis but for the last, which may be cut. */
      aligned: true;
    };
    result: Tile;
  };
  element: {
    params: { row: number; column: number; slice?: TensorSlice | undefined };
    result: ElementReading;
  };
  profile: {
    params: { slice?: TensorSlice | undefined };
    result: TensorViewContract['profile']['result'];
  };
  action: {
    params:
      | { kind: 'copy'; text: string }
      /** Copies values as text; without a format the user is asked. */
      | {
          kind: 'copyValues';
          region: Region;
          slice?: TensorSlice | undefined;
          what: 'selection' | 'view';
          format?: 'csv' | 'numpy' | undefined;
        }
      /** Asks what to save (picture, CSV, .npy) and where to. */
      | { kind: 'save'; region: Region; what: 'selection' | 'view'; slice?: TensorSlice | undefined }
      /** Asks for an index and shows it. */
      | { kind: 'goToIndex' }
      /** Asks for another tensor and opens it beside. */
      | { kind: 'openAnother' }
      | { kind: 'showCheckpoint' }
      /** The next `ready` reads the file again. */
      | { kind: 'reread' };
    result: undefined;
  };
};

/** Asked by the host of the viewer's page. */
export type TensorPageContract = {
  /** The engine ended, or the file changed on disk. An empty message takes it back. */
  notice: { params: { kind: 'engine' | 'changed'; message: string }; result: undefined };
  reload: { params: Record<string, never>; result: undefined };
  /** Shows an element. */
  goTo: { params: { at: readonly number[] }; result: undefined };
  /** What is seen, with its legend, as a PNG file's bytes. */
  picture: { params: Record<string, never>; result: { png: Uint8Array } };
  /** Runs an action of the page, for commands. */
  run: { params: { kind: 'goToIndex' | 'copy' | 'save' | 'toggleTable' }; result: undefined };
};
