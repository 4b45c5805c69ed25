/** What is wrong with a checkpoint, told as one list: findings of its headers, and what its tensors' figures say. */
import type { LoupeError } from '../errors';
import type { Catalogue, Finding, TensorStats } from '../protocol/engineApi';
import { limitFindings, valueFindings } from '../protocol/valueFindings';

export class CheckpointFindings {
  private header: readonly Finding[] = [];
  private readonly values = new Map<number, readonly Finding[]>();

  /** Hears all findings whenever they may have changed. */
  constructor(private readonly hear: (findings: readonly Finding[]) => void) {}

  /** Forgets what figures said. */
  clearValues(): void {
    this.values.clear();
  }

  setHeader(findings: readonly Finding[]): void {
    this.header = findings;
    this.tell();
  }

  tell(): void {
    this.hear([...this.header, ...limitFindings([...this.values.values()].flat())]);
  }

  /** Keeps what a tensor's figures say; true when that is anything new. Does not tell it. */
  take({ tensors, files }: Catalogue, index: number, stats: TensorStats | null): boolean {
    if (!stats || this.values.has(index)) return false;
    const findings = valueFindings(stats, {
      name: stats.name,
      file: files[tensors.file[index]!]?.path,
      byteOffset: tensors.byteOffset[index],
      dtype: tensors.dtypes[tensors.dtype[index]!],
    });
    if (findings.length === 0) return false;
    this.values.set(index, findings);
    return true;
  }
}

/** A refused file as the one finding that it has; none where it is not the file that is to blame. */
export function refusalFindings(error: LoupeError): readonly Finding[] {
  if (!['malformed', 'unsupported', 'not-a-checkpoint', 'io'].includes(error.code)) return [];
  const { code, message, file, tensor, byteOffset } = error;
  return [{ severity: 'error', code, message, file, tensor, byteOffset }];
}
