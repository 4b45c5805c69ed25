/** A document in which `|` is the place of the pointer, for the tests of what a hover finds there. */
import { mentionAt } from '../../../src/hover/mentionAt';
import type { ModelMention } from '../../../src/hover/modelMention';

/** The mention at the `|` in a document. */
export function mentionIn(language: string, marked: string, fileName = 'x'): ModelMention | undefined {
  const offset = marked.indexOf('|>') >= 0 ? marked.indexOf('|>') : marked.indexOf('|');
  const width = marked.startsWith('|>', offset) ? 2 : 1;
  const source = marked.slice(0, offset) + marked.slice(offset + width);
  const before = source.slice(0, offset).split('\n');
  const lines = source.split('\n');
  return mentionAt({
    text: (line) => lines[line],
    line: before.length - 1,
    column: before.at(-1)!.length,
    language,
    fileName,
  });
}

/** Kind, text and what is said of loading, in short. */
export function brief(found: ModelMention | undefined) {
  return found && { text: found.text, kind: found.kind, ...found.load.setting };
}

export const hub = 'org/some-model';
