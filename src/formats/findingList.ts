import type { Finding } from './checkpoint';

/** A hostile file can be wrong in a hundred thousand places; this many of each kind are told one by one. */
const mostPerCode = 50;

/** Collects findings, and sums up those beyond the first fifty of a code. */
export class FindingList {
  private readonly findings: Finding[] = [];
  private readonly counts = new Map<string, { count: number; first: Finding }>();

  add(finding: Finding): void {
    const key = `${finding.severity} ${finding.code}`;
    const seen = this.counts.get(key);
    if (seen) seen.count++;
    else this.counts.set(key, { count: 1, first: finding });
    if ((seen?.count ?? 1) <= mostPerCode) this.findings.push(finding);
  }

  toArray(): Finding[] {
    const result = [...this.findings];
    for (const { count, first } of this.counts.values()) {
      if (count <= mostPerCode) continue;
      result.push({
        severity: first.severity,
        code: first.code,
        message: `${(count - mostPerCode).toLocaleString('en-US')} more findings of this kind are left out.`,
        ...(first.file === undefined ? {} : { file: first.file }),
      });
    }
    return result;
  }
}
