/** What hovers ask: what a model costs as it is loaded at one place, and what the figures of a config.json cost. */
import type { LoadSetting } from '../estimate/loadSetting';
import type { FitReport } from '../estimate/types';
import type { WeightMemory } from '../formats/weightMemory';
import type { HubAccess, HubRepository } from '../hub/hubLocation';

export type { LoadSetting };

/** Which of a model's files is meant. */
export interface FileChoice {
  /** A path within the model's folder or repository. */
  readonly file?: string | undefined;
  /** "Q4_K_M": the GGUF file of this type. */
  readonly tag?: string | undefined;
}

/** Where a model that a text names lies on this machine. */
export type ModelPlaceParams = FileChoice &
  (
    | { readonly kind: 'path'; readonly path: string }
    /** A folder models--org--name of the cache of the Hub's client. */
    | { readonly kind: 'cache'; readonly folder: string; readonly revision?: string | undefined }
    /** Ollama's folder, and host, owner, name and tag of the manifest. */
    | { readonly kind: 'ollama'; readonly folder: string; readonly manifest: readonly string[] }
  );

/** Size and time of a file that the answer depends on, as `fileStamp` writes them; "absent" where none is. */
export interface FileStamp {
  readonly path: string;
  readonly stamp: string;
}

/** Whether the model fits into some memory of this machine. */
export interface RoomVerdict extends Pick<FitReport, 'verdict' | 'neededBytes' | 'largestContext'> {
  /** "RTX 4090", "2 GPUs", "memory". */
  readonly name: string;
  readonly memoryBytes: number;
  readonly kind: 'gpu' | 'memory';
  /** Where not all layers go there. */
  readonly layers?: { readonly on: number; readonly of: number } | undefined;
}

export interface ModelCost {
  readonly name: string;
  readonly architecture?: string | undefined;
  /** Where a configuration alone is known, what it implies. */
  readonly source: 'files' | 'config';
  /** What an editor opens: a path, or a URI for a model on the Hub; undefined where there are no weights. */
  readonly open?: string | undefined;
  readonly parameters: number;
  /** Of the weights as they are stored. */
  readonly bytes: number;
  readonly fileCount: number;
  readonly dtypes: readonly { readonly dtype: string; readonly bytes: number }[];
  readonly memory: readonly WeightMemory[];
  /** Findings of severity error. */
  readonly errors: number;
  /** Names of shards that are not there. */
  readonly missing: readonly string[];
  /** Undefined where nothing tells how attention is built, or where nothing is kept. */
  readonly cache?:
    | { readonly bytesPerToken: number; readonly bytesPerLateToken: number; readonly dtype: string }
    | undefined;
  /** As it is loaded at the place: the weights, and all together with one sequence of `context` tokens. */
  readonly loaded: {
    readonly weightBytes: number;
    readonly totalBytes: number;
    readonly context: number;
    /** The same with every float weight in F32: what transformers did before version 5 without a type. */
    readonly f32Bytes: number;
    /** Whether the total holds all; without the figures of the layers it is the weights alone. */
    readonly isWhole: boolean;
  };
  readonly longestContext?: number | undefined;
  readonly rooms: readonly RoomVerdict[];
  /** What the program asks of this machine and it does not have: sentences of our own. */
  readonly lacks: readonly string[];
  /** What the answer depends on; empty for a model on the Hub. */
  readonly stamps: readonly FileStamp[];
}

/** One line of a hover on a field of config.json: what changes with another value of it. */
export interface FieldCost {
  /** "one more layer", "128 wider". */
  readonly label: string;
  /** Differences, or the whole where `isWhole`. */
  readonly parameters: number;
  readonly bytes: number;
  /** Of the cache. */
  readonly bytesPerToken: number;
  readonly isWhole?: boolean | undefined;
}

export interface ConfigCost {
  readonly parameters: number;
  readonly certainty: 'exact' | 'approximate';
  /** In the type that the config names, "F32" where it names none. */
  readonly dtype: string;
  readonly bytes: number;
  readonly cache?:
    | { readonly bytesPerToken: number; readonly bytesPerLateToken: number; readonly dtype: string }
    | undefined;
  /** Cache of one sequence at some contexts, up to the longest. */
  readonly contexts: readonly { readonly tokens: number; readonly bytes: number }[];
  /** Of the field that was asked about. */
  readonly field: readonly FieldCost[];
  /** Sentences about the field. */
  readonly fieldNotes: readonly string[];
  readonly notes: readonly string[];
}

export interface IndexCost {
  readonly tensors: number;
  readonly shards: readonly {
    readonly name: string;
    readonly tensors: number;
    /** Undefined where it is not there. */
    readonly fileBytes?: number | undefined;
  }[];
  /** What the index says of all tensors' bytes. */
  readonly totalBytes?: number | undefined;
  /** From the headers, where every shard is there. */
  readonly parameters?: number | undefined;
  readonly bytes?: number | undefined;
}

export type CostContract = {
  /** From headers, or from a config.json where no weights lie beside it. Throws what opening throws. */
  modelCost: { params: { place: ModelPlaceParams; load: LoadSetting }; result: ModelCost };
  /** The same of a model on the Hub: its list of files, headers and config.json are asked for. */
  hubCost: {
    params: FileChoice & { repository: HubRepository; access: HubAccess; load: LoadSetting };
    result: ModelCost;
  };
  /**
   * The text of a config.json, and the path of the field that is asked about. Throws `malformed` for what is no config
   * of a model.
   */
  configCost: { params: { text: string; field?: readonly string[] | undefined }; result: ConfigCost };
  /** An index on the disk and the shards beside it. */
  indexCost: { params: { path: string }; result: IndexCost };
};
