/** How the checkpoint of a document is come by: from disk, from a copy of another scheme's file, from the Hub. */
import type { Catalogue, OpenProgress } from '../protocol/engineApi';

export interface CheckpointOrigin {
  /**
   * Reads the catalogue. `isAsked` tells that the user asked for it in this very moment, as opposed to a tab that comes
   * back with its window. `onProgress` hears how far a model of several files is.
   */
  open(isAsked: boolean, onProgress: (progress: OpenProgress) => void): Promise<Catalogue>;
  /** One sentence for the page about where the model came from; nothing where it is an ordinary file. */
  readonly notice: string | undefined;
  /** Path on this machine that holds the values. Throws a LoupeError with the reason when there is none. */
  diskPath(): Promise<string>;
  dispose(): void;
}
