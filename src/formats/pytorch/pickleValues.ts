/** What a pickle can build here: plain values, containers, tensors, and names of things that are never made. */

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleList
  | PickleDict
  | PickleGlobal
  | PickleObject
  | PickleOpaque
  | PickleStorage
  | PickleTensor;

/** A list, tuple or set. */
export class PickleList {
  constructor(
    readonly items: PickleValue[],
    readonly isTuple: boolean,
  ) {}
}

export class PickleDict {
  readonly keys: PickleValue[] = [];
  readonly values: PickleValue[] = [];

  set(key: PickleValue, value: PickleValue): void {
    this.keys.push(key);
    this.values.push(value);
  }
}

/** A name, "collections.OrderedDict"; nothing is ever looked up by it. */
export class PickleGlobal {
  readonly path: string;

  constructor(module: string, name: string) {
    this.path = `${module}.${name}`;
  }
}

/** An object that Python would make by calling something; here only what it was given. */
export class PickleObject {
  /** What was put into it: a dict of attributes, mostly. */
  state: PickleValue = null;
  contents: PickleDict | PickleList | undefined;

  constructor(
    readonly className: string,
    readonly args: PickleValue,
  ) {}
}

/** Bytes or a text too long to be kept. */
export class PickleOpaque {
  constructor(readonly what: string) {}
}

/** A run of values in a file of its own; the key names it. */
export class PickleStorage {
  constructor(
    /** A dtype's name; undefined for an untyped storage, whose length is in bytes. */
    readonly dtype: string | undefined,
    readonly key: string,
    readonly length: number,
    /** Set when it is a part of another storage, as files before PyTorch 0.4 have it. */
    readonly isView: boolean,
  ) {}
}

export class PickleTensor {
  constructor(
    readonly storage: PickleStorage | undefined,
    readonly dtype: string,
    /** In elements. */
    readonly storageOffset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    /** Why its values cannot be read, whatever the storage is. */
    readonly unreadable?: string | undefined,
  ) {}
}
