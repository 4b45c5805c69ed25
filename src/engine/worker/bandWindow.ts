/** Encodes a tensor piece by piece by any scheme, and gives the dequantized values of any place. */
import { LoupeError } from '../../errors';
import { encodeBy, encodeLaterBy } from '../../quant/bandKernels/bandKernelFor';
import { encodingFor } from '../../quant/encoding';
import type { Band, EncodedBand, Encoding, Knowledge, Setting } from '../../quant/scheme';
import { windowElements } from '../matrix';
import { namingTensor, namingTensorLater } from '../namingTensor';
import type { TensorSource } from '../tensorSource';
import { elementPlace, nonFinite } from './encodeTask';
import { type FlatValues, readFlat } from './flatValues';
import type { WorkerContext } from './workerContext';

/** A run of a flattened tensor, a window long or shorter at the tensor's end. */
interface Window {
  readonly first: number;
  readonly encoded: EncodedBand;
}

const sharedWindow = 2 ** 15;

export class BandWindow {
  readonly encoding: Encoding;
  readonly size: number;
  private readonly encode: Encoding['encode'];
  /** By a graph; undefined where none makes the codes. */
  private readonly encodeLater: ReturnType<typeof encodeLaterBy>;
  private readonly elements: number;
  private current: Window | undefined;

  constructor(
    private readonly context: WorkerContext,
    private readonly source: TensorSource,
    setting: Setting,
    private readonly known: Knowledge,
    /** Hears of each window that is encoded. */
    private readonly onEncoded: (first: number, encoded: EncodedBand) => void = () => {},
    /** Values that several schemes share. Windows are short then, so that slow schemes stop soon when told to. */
    private readonly shared?: FlatValues | undefined,
  ) {
    this.encoding = namingTensor(source, () => encodingFor(setting));
    this.encode = encodeBy(context.kernels, setting, this.encoding);
    const { encoder } = context;
    this.encodeLater = encoder.isGraph
      ? encodeLaterBy(context.kernels, setting, (call) => encoder.encode(call))
      : undefined;
    const { unit } = this.encoding;
    this.size = shared ? unit * Math.max(1, Math.floor(sharedWindow / unit)) : windowElements(unit);
    this.elements = source.rows * source.columns;
  }

  /** The original values of a window. Throws `non-finite`. */
  original(first: number): Float32Array {
    const count = Math.min(this.size, this.elements - first);
    const values = this.shared?.get(first, count) ?? readFlat(this.context, this.source, first, count);
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i]!)) throw nonFinite(this.source, first + i, values[i]!);
    }
    return values;
  }

  /** Copies dequantized values of the flattened tensor, from `first` on, to `target`. */
  copyTo(target: Float32Array, first: number): void {
    for (let done = 0; done < target.length; ) done += copyFrom(this.at(first + done), target, first, done);
  }

  /** The same with codes by a graph where there is one. */
  async copyLaterTo(target: Float32Array, first: number): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const at = first + done;
      const window = this.encodeLater ? await this.atLater(at, this.encodeLater) : this.at(at);
      done += copyFrom(window, target, first, done);
    }
  }

  /** Encodes the windows that hold `count` elements of the flattened tensor from `first` on, by a graph where there is one. */
  async encodeLaterOn(first: number, count: number): Promise<void> {
    for (let at = first; at < first + count; ) {
      const window = this.encodeLater ? await this.atLater(at, this.encodeLater) : this.at(at);
      at = window.first + window.encoded.dequantized.length;
    }
  }

  private at(index: number): Window {
    const next = this.next(index);
    if ('encoded' in next) return next;
    return this.take(
      next,
      namingTensor(this.source, () => this.encode(next, this.known)),
    );
  }

  private async atLater(index: number, encode: NonNullable<typeof this.encodeLater>): Promise<Window> {
    const next = this.next(index);
    if ('encoded' in next) return next;
    return this.take(next, await namingTensorLater(this.source, () => encode(next, this.known)));
  }

  /** The window at hand where it holds an element, else the values of the one that does. */
  private next(index: number): Window | Band {
    const first = Math.floor(index / this.size) * this.size;
    if (this.current?.first === first) return this.current;
    this.context.checkCancelled();
    return { first, values: this.original(first) };
  }

  private take({ first, values }: Band, encoded: EncodedBand): Window {
    const { dequantized } = encoded;
    for (let i = 0; i < dequantized.length; i++) {
      if (!Number.isFinite(dequantized[i]!))
        throw overflow(this.source, first + i, values[i]!, dequantized[i]!, this.encoding.to);
    }
    this.current = { first, encoded };
    this.onEncoded(first, encoded);
    return this.current;
  }
}

/** Copies to `target`, whose first value is element `first`, from its place `done` on what the window has; returns how many values. */
function copyFrom(window: Window, target: Float32Array, first: number, done: number): number {
  const from = first + done - window.first;
  const part = window.encoded.dequantized.subarray(from, from + target.length - done);
  target.set(part, done);
  return part.length;
}

/** What becomes of a value that a scheme's type cannot hold. */
export function overflow(
  source: TensorSource,
  element: number,
  value: number,
  became: number,
  to: string,
): LoupeError {
  const { text, byteOffset } = elementPlace(source, element);
  return new LoupeError(
    'refused',
    `${source.name} holds ${value} at ${text}, which would become ${Number.isNaN(became) ? 'NaN' : String(became)} in ${to}.`,
    { file: source.file.path, tensor: source.name, byteOffset },
  );
}
