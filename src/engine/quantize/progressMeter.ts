import type { QuantizeProgress } from '../../protocol/engineApi';

const intervalMilliseconds = 100;

/** Counts bytes of the source that are done, and tells at most ten times a second. */
export class ProgressMeter {
  private readonly tensorsTotal: number;
  private readonly bytesTotal: number;
  private tensorsDone = 0;
  private bytesDone = 0;
  private tensor = '';
  private last = 0;

  constructor(
    tensors: readonly { readonly name: string; readonly bytes: number }[],
    private readonly progress: (data: QuantizeProgress) => void,
  ) {
    this.tensorsTotal = tensors.length;
    this.bytesTotal = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  begin(tensor: string): void {
    this.tensor = tensor;
    this.tell();
  }

  advance(tensor: string, bytes: number): void {
    this.tensor = tensor;
    this.bytesDone += bytes;
    this.tell();
  }

  /** Tensors that are done already. */
  skip(tensors: readonly { readonly name: string; readonly bytes: number }[]): void {
    this.tensorsDone += tensors.length;
    this.bytesDone += tensors.reduce((sum, { bytes }) => sum + bytes, 0);
    if (tensors[0]) this.begin(tensors[0].name);
  }

  end(tensor: string): void {
    this.tensorsDone++;
    this.advance(tensor, 0);
  }

  /** The last word is always told. */
  finish(): void {
    this.last = 0;
    this.tell();
  }

  private tell(): void {
    const now = performance.now();
    if (now - this.last < intervalMilliseconds && this.last !== 0) return;
    this.last = now;
    const { tensor, tensorsDone, tensorsTotal, bytesDone, bytesTotal } = this;
    this.progress({ tensor, tensorsDone, tensorsTotal, bytesDone: Math.round(bytesDone), bytesTotal });
  }
}
