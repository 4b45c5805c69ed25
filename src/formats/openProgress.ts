/** What can be told of a model of many files while its headers are read. */

/** What the index says, before any header is there to agree. */
export interface OpenPreview {
  readonly name: string;
  readonly tensorCount: number;
  /** The first names in the index, to show; not all of them. */
  readonly firstNames: readonly string[];
}

export interface OpenProgress {
  /** Files whose headers have been read or refused. */
  readonly filesDone: number;
  readonly filesTotal: number;
  /** With the first message only, and only where there is an index. */
  readonly preview?: OpenPreview | undefined;
}
