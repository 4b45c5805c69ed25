/** What the dialogs of a quantization lead to, and the engine's plan of it. Nothing here talks to VS Code. */
import * as path from 'node:path';
import type { EngineClient } from '../engine/client';
import type { BackendName, GgufOptions, QuantizeReport } from '../protocol/engineApi';
import { chosenOptions } from '../quant/choice';
import type { Recipe } from '../quant/recipe';
import type { SchemeChoice } from '../quant/types';

export interface QuantizeChoice extends SchemeChoice {
  readonly backend: BackendName | 'auto';
  /** Instead of the scheme: what each tensor gets. */
  readonly recipe?: Recipe | undefined;
  /** Of a GGUF output, instead of the scheme: the file type and what goes with it. */
  readonly gguf?: GgufOptions | undefined;
  /** Also quantize what the policy keeps (the output head). */
  readonly pure?: boolean | undefined;
  /** Largest size of the output's files; undefined: the model's own shards. */
  readonly maxShardBytes?: number | undefined;
  /** Absolute folder to write; undefined: the default beside the model. */
  readonly out: string | undefined;
}

/** A request names a scheme in any case; beside a GGUF file type it counts for nothing. */
export const anyScheme = { scheme: 'q8_0', granularity: 'none' } as const;

/** What people call the model: the folder of `model.safetensors` and of shards, else the file's own name. */
export function modelName(file: string): string {
  const base = path.basename(file);
  return /^model([.-]|$)/.test(base)
    ? path.basename(path.dirname(file))
    : base.replace(/\.(safetensors|gguf|onnx)$/, '');
}

/** What a planned quantization writes: an ONNX or GGUF file, or the folder of what is opened then. */
export const targetOf = ({ open }: Pick<QuantizeReport, 'open'>): string =>
  /\.(onnx|gguf)$/i.test(open) ? open : path.dirname(open);

/** The exact plan of a quantization: sizes and the default target, nothing computed or written. */
export function dryRun(
  engine: EngineClient,
  file: string,
  choice: SchemeChoice & Pick<QuantizeChoice, 'gguf' | 'maxShardBytes' | 'pure'>,
): Promise<QuantizeReport> {
  return engine.call('quantize', {
    path: file,
    ...chosenOptions(choice),
    gguf: choice.gguf,
    maxShardBytes: choice.maxShardBytes,
    backend: 'cpu',
    overwrite: true,
    pure: choice.pure ?? false,
    dryRun: true,
  });
}
