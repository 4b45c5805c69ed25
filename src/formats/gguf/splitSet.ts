/**
 * Checks the parts of a split GGUF model against what each says of itself (llama.cpp, gguf-split): split.no counts from
 * 0, split.count is the number of parts, split.tensors.count that of all tensors. Part 0 alone has the other metadata.
 */
import { basename } from 'node:path';
import type { MetadataEntry } from '../checkpoint';
import { counted, quoteName } from '../fileContents';
import type { FindingList } from '../findingList';

export interface SplitPart {
  readonly path: string;
  readonly metadata: readonly MetadataEntry[];
  readonly tensorCount: number;
}

/** `expected` are the paths of the set by its names, in order, of which `parts` could be read. */
export function checkSplit(
  parts: readonly SplitPart[],
  expected: readonly string[],
  findings: FindingList,
): void {
  const keys = parts.map((part) => ({ part, ...splitKeys(part.metadata) }));
  const declared = keys.filter(({ count }) => count !== undefined);
  if (declared.length === 0) {
    if (expected.length > 1)
      findings.add({
        severity: 'warning',
        code: 'split-undeclared',
        message: 'The names claim parts of one model, but no file says so (split.count).',
        file: expected[0]!,
      });
    return;
  }
  for (const { part, no, count } of keys) {
    const wrong = (message: string) =>
      findings.add({ severity: 'error', code: 'split-contradiction', message, file: part.path });
    const name = quoteName(basename(part.path));
    const place = expected.indexOf(part.path);
    if (count === undefined) wrong(`${name} does not say that it is a part of a model (split.count).`);
    else if (count !== expected.length) {
      if (expected.length === 1 && count > 1)
        findings.add({
          severity: 'error',
          code: 'split-alone',
          message: `${name} is part ${(no ?? 0) + 1} of ${count}, but its name does not lead to the others: the model lacks their tensors.`,
          file: part.path,
        });
      else if (expected.length > 1)
        wrong(`${name} says that the model has ${counted(count, 'part')}; the names say ${expected.length}.`);
    }
    if (expected.length > 1 && no !== undefined && no !== place)
      wrong(`${name} says that it is part ${no + 1} of the model; its name says ${place + 1}.`);
  }
  const total = declared.find(({ tensors }) => tensors !== undefined)?.tensors;
  const found = parts.reduce((sum, { tensorCount }) => sum + tensorCount, 0);
  if (total !== undefined && parts.length === expected.length && expected.length > 1 && total !== found)
    findings.add({
      severity: 'error',
      code: 'split-contradiction',
      message: `The model should have ${counted(total, 'tensor')} (split.tensors.count); its parts have ${found}.`,
      file: expected[0]!,
    });
}

function splitKeys(metadata: readonly MetadataEntry[]) {
  const value = (wanted: string): number | undefined => {
    const entry = metadata.find(({ key }) => key === wanted);
    return typeof entry?.value === 'number' && Number.isInteger(entry.value) ? entry.value : undefined;
  };
  return { no: value('split.no'), count: value('split.count'), tensors: value('split.tensors.count') };
}
