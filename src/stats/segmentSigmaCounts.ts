import type { Kernels, SigmaCounts } from '../kernels/kernels';
import type { SigmaThresholds } from './finalizeStats';
import { blockElements } from './segmentStats';
import { forEachBlock } from './valueBlocks';

/** The second pass: counts values beyond 3 and 6 sigma, for tensors whose histogram leaves that open. */
export class SegmentSigmaCounts {
  readonly #kernels: Kernels;
  readonly #dtype: string;
  readonly #thresholds: SigmaThresholds;
  readonly #decodedPtr: number;
  #sigma3 = 0;
  #sigma6 = 0;

  constructor(kernels: Kernels, dtype: string, thresholds: SigmaThresholds) {
    this.#kernels = kernels;
    this.#dtype = dtype;
    this.#thresholds = thresholds;
    this.#decodedPtr = kernels.alloc(blockElements * 4);
  }

  /** Takes `elements` values, encoded at `srcPtr`, in any order of runs. */
  add(srcPtr: number, elements: number): void {
    const kernels = this.#kernels;
    const { mean, sigma3, sigma6 } = this.#thresholds;
    forEachBlock(this.#dtype, srcPtr, elements, blockElements, (blockPtr, n) => {
      let counts: SigmaCounts;
      if (this.#dtype === 'F64') counts = kernels.countBeyond64(blockPtr, n, mean, sigma3, sigma6);
      else {
        const values = this.#dtype === 'F32' ? blockPtr : this.#decodedPtr;
        if (values !== blockPtr) kernels.decode(this.#dtype, blockPtr, values, n);
        counts = kernels.countBeyond(values, n, mean, sigma3, sigma6);
      }
      this.#sigma3 += counts.sigma3;
      this.#sigma6 += counts.sigma6;
    });
  }

  finish(): SigmaCounts {
    return { sigma3: this.#sigma3, sigma6: this.#sigma6 };
  }
}
