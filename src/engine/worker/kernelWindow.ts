/** Encodes a tensor piece by piece where it lies in the kernels' memory, for settings that have a kernel. */
import type { BandKernel, GraphKernel, KernelEncoded } from '../../quant/bandKernels/bandKernel';
import { bandKernelFor, graphKernelFor } from '../../quant/bandKernels/bandKernelFor';
import { encodingFor } from '../../quant/encoding';
import type { Chunk, Encoding, Knowledge, Setting } from '../../quant/scheme';
import { windowElements } from '../matrix';
import { namingTensor, namingTensorLater } from '../namingTensor';
import type { TensorSource } from '../tensorSource';
import { overflow } from './bandWindow';
import { nonFinite } from './encodeTask';
import { type FlatValues, readFlatTo } from './flatValues';
import type { WorkerContext } from './workerContext';

/** Originals and dequantized values, each `count` float32. */
export interface ValuePair {
  readonly x: number;
  readonly y: number;
}

/** A window that is being encoded, and the top of the kernels' memory before that. */
interface Run {
  readonly first: number;
  readonly count: number;
  readonly mark: number;
}

/** Windows are those of `BandWindow`, so that all tasks agree on which part writes what. */
export class KernelWindow {
  private readonly encoding: Encoding;
  private readonly size: number;
  private readonly elements: number;
  private readonly window: ValuePair;
  /** Where a run goes that lies in several windows. */
  private readonly joined: ValuePair;
  private copied: Float32Array | undefined;
  private first = -1;
  private count = 0;

  /** undefined where the setting has no kernel. `most` values are asked for at once. */
  static for(
    context: WorkerContext,
    source: TensorSource,
    setting: Setting,
    known: Knowledge,
    most: number,
    onEncoded: (first: number, chunks: () => Iterable<Chunk>) => void = () => {},
    shared?: FlatValues | undefined,
  ): KernelWindow | undefined {
    const { kernels, encoder } = context;
    const graph = encoder.isGraph
      ? graphKernelFor(kernels, setting, (call) => encoder.encode(call))
      : undefined;
    const kernel = bandKernelFor(kernels, setting);
    if (!kernel) return undefined;
    return new KernelWindow(context, source, setting, known, kernel, graph, most, onEncoded, shared);
  }

  private constructor(
    private readonly context: WorkerContext,
    private readonly source: TensorSource,
    setting: Setting,
    private readonly known: Knowledge,
    private readonly kernel: BandKernel,
    /** What `valuesLater` asks instead. */
    private readonly graph: GraphKernel | undefined,
    most: number,
    /** Hears of each window that is encoded; its chunks are good only while it listens. */
    private readonly onEncoded: (first: number, chunks: () => Iterable<Chunk>) => void,
    /** Values that several schemes look at; undefined: they are read. */
    private readonly shared: FlatValues | undefined,
  ) {
    const { kernels } = context;
    this.encoding = namingTensor(source, () => encodingFor(setting));
    this.elements = source.rows * source.columns;
    this.size = windowElements(this.encoding.unit);
    const room = Math.min(this.size, this.elements);
    this.window = { x: kernels.alloc(4 * room), y: kernels.alloc(4 * room) };
    this.joined = { x: kernels.alloc(4 * most), y: kernels.alloc(4 * most) };
  }

  /** `count` values of the flattened tensor from `first` on, and what they become; good until the next call. */
  values(first: number, count: number): ValuePair {
    const walk = this.walk(first, count);
    for (;;) {
      const { done, value } = walk.next();
      if (done) return value;
      const run = this.begin(value);
      if (run) this.finish(run, this.encode(run));
    }
  }

  /** The same by a graph where there is one. */
  async valuesLater(first: number, count: number): Promise<ValuePair> {
    const { graph } = this;
    if (!graph) return this.values(first, count);
    const walk = this.walk(first, count);
    for (;;) {
      const { done, value } = walk.next();
      if (done) return value;
      const run = this.begin(value);
      if (!run) continue;
      const band = { first: run.first, count: run.count, ...this.window };
      const encoded = await namingTensorLater(this.source, () => graph(band, this.known));
      this.finish(run, encoded ?? this.encodePlainly(run));
    }
  }

  /** Yields the elements that the window must hold next, and returns where the values lie. */
  private *walk(first: number, count: number): Generator<number, ValuePair, void> {
    yield first;
    if (first + count <= this.first + this.count) return this.within(first);
    const { kernels } = this.context;
    for (let done = 0; done < count; ) {
      yield first + done;
      const { x, y } = this.within(first + done);
      const part = Math.min(count - done, this.first + this.count - (first + done));
      kernels.f32(this.joined.x + 4 * done, part).set(kernels.f32(x, part));
      kernels.f32(this.joined.y + 4 * done, part).set(kernels.f32(y, part));
      done += part;
    }
    return this.joined;
  }

  private within(element: number): ValuePair {
    const at = 4 * (element - this.first);
    return { x: this.window.x + at, y: this.window.y + at };
  }

  /** Reads the window of an element; undefined when that is the one at hand. */
  private begin(element: number): Run | undefined {
    const first = Math.floor(element / this.size) * this.size;
    if (first === this.first) return undefined;
    const { context, source } = this;
    const { kernels } = context;
    const { x } = this.window;
    context.checkCancelled();
    const count = Math.min(this.size, this.elements - first);
    this.first = -1;
    if (this.shared) {
      // Decoding may grow the kernels' memory, and a view taken before would be empty.
      this.copied ??= new Float32Array(Math.min(this.size, this.elements));
      const values = this.copied.subarray(0, count);
      this.shared.copyTo(values, first);
      kernels.f32(x, count).set(values);
    } else readFlatTo(context, source, first, count, x);
    const bad = this.firstNonFinite(x, count);
    if (bad >= 0) throw nonFinite(source, first + bad, kernels.f32(x, count)[bad]!);
    return { first, count, mark: kernels.mark() };
  }

  /** Checks and tells what the window became, and frees what that took. */
  private finish({ first, count, mark }: Run, encoded: Pick<KernelEncoded, 'chunks'>): void {
    const { kernels } = this.context;
    const { x, y } = this.window;
    const lost = this.firstNonFinite(y, count);
    if (lost >= 0) {
      const [value, became] = [kernels.f32(x, count)[lost]!, kernels.f32(y, count)[lost]!];
      throw overflow(this.source, first + lost, value, became, this.encoding.to);
    }
    this.onEncoded(first, () => encoded.chunks());
    kernels.reset(mark);
    this.first = first;
    this.count = count;
  }

  private encode(run: Run): Pick<KernelEncoded, 'chunks'> {
    const { first, count } = run;
    const { x, y } = this.window;
    const encoded = namingTensor(this.source, () => this.kernel({ first, count, x, y }, this.known));
    return encoded ?? this.encodePlainly(run);
  }

  private encodePlainly({ first, count }: Run): Pick<KernelEncoded, 'chunks'> {
    const { kernels } = this.context;
    const { x, y } = this.window;
    const values = kernels.f32(x, count).slice();
    const plain = namingTensor(this.source, () => this.encoding.encode({ first, values }, this.known));
    kernels.f32(y, count).set(plain.dequantized);
    return plain;
  }

  private firstNonFinite(pointer: number, count: number): number {
    const { kernels } = this.context;
    const mark = kernels.mark();
    const range = kernels.alloc(8);
    const index = kernels.rowRange(pointer, 1, count, range, range + 4);
    kernels.reset(mark);
    return index;
  }
}
