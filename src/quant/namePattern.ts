/**
 * Patterns over tensor names from untrusted files: globs, and regular expressions of a subset that is matched in linear time.
 * Both become one automaton whose states are followed all at once (K. Thompson, "Regular Expression Search Algorithm",
 * CACM 11(6), 1968), so that no pattern makes matching explode, as backtracking would.
 */
import { LoupeError } from '../errors';
import { type CharacterSet, type PatternNode, parseExpression } from './patternSyntax';

/** Steps that matching may still take; each state that is looked at is one. Below 0: given up, and the answer means nothing. */
export interface PatternWork {
  steps: number;
}

export interface NamePattern {
  test(name: string, work: PatternWork): boolean;
}

/** Characters of a pattern at most. */
const mostPatternCharacters = 512;
/** States of its automaton at most: counted repetitions are written out. */
const mostStates = 2048;

type State =
  | { readonly kind: 'characters'; readonly set: CharacterSet; next: number }
  | { readonly kind: 'fork'; readonly next: number[] }
  | { readonly kind: 'edge'; readonly at: 'start' | 'end'; next: number }
  | { readonly kind: 'accept' };

/** A glob, or an expression between slashes. Throws `usage` and says where and why for one that is neither. */
export function compilePattern(match: string): NamePattern {
  if (match === '') throw new LoupeError('usage', 'A pattern is empty.');
  if (match.length > mostPatternCharacters) {
    throw new LoupeError(
      'usage',
      `A pattern has ${match.length} characters; ${mostPatternCharacters} is the most.`,
    );
  }
  if (match.startsWith('/')) {
    if (match.length < 3 || !match.endsWith('/')) {
      throw new LoupeError(
        'usage',
        `The expression ${match} does not end in a slash; expressions take no flags.`,
      );
    }
    return new Automaton(parseExpression(match.slice(1, -1)), false);
  }
  return new Automaton(parseGlob(match), true);
}

const anything: CharacterSet = { ranges: [], isNegated: true };
const noDot: CharacterSet = { ranges: [[0x2e, 0x2e]], isNegated: true };

/** `*` within one part of a dotted name, `**` across parts, `?` one character other than a dot; all else is literal. */
function parseGlob(glob: string): PatternNode {
  const items: PatternNode[] = [];
  for (const piece of glob.match(/\*+|\?|[^*?]/gu) ?? []) {
    if (piece === '?') items.push({ kind: 'characters', set: noDot });
    else if (piece.startsWith('*')) {
      const item: PatternNode = { kind: 'characters', set: piece.length > 1 ? anything : noDot };
      items.push({ kind: 'repeat', item, least: 0, most: Number.POSITIVE_INFINITY });
    } else {
      const code = piece.codePointAt(0)!;
      items.push({ kind: 'characters', set: { ranges: [[code, code]], isNegated: false } });
    }
  }
  return { kind: 'sequence', items };
}

class Automaton implements NamePattern {
  private readonly states: State[] = [];
  private readonly start: number;
  /** The position after which a state was last entered, so that each is entered once a position. */
  private readonly entered: Int32Array;

  constructor(
    root: PatternNode,
    private readonly isWhole: boolean,
  ) {
    this.start = this.add(root, this.push({ kind: 'accept' }));
    this.entered = new Int32Array(this.states.length);
  }

  test(name: string, work: PatternWork): boolean {
    const characters = Array.from(name, (character) => character.codePointAt(0)!);
    const { length } = characters;
    this.entered.fill(-1);
    let current: number[] = [];
    for (let at = 0; at <= length; at++) {
      // States that the last character led to, and all that they lead to without another.
      const open = current;
      if (at === 0 || !this.isWhole) open.push(this.start);
      if (open.length === 0) return false;
      const next: number[] = [];
      while (open.length > 0) {
        const index = open.pop()!;
        if (--work.steps < 0) return false;
        if (this.entered[index] === at) continue;
        this.entered[index] = at;
        const state = this.states[index]!;
        if (state.kind === 'accept') {
          if (!this.isWhole || at === length) return true;
        } else if (state.kind === 'fork') open.push(...state.next);
        else if (state.kind === 'edge') {
          if (at === (state.at === 'start' ? 0 : length)) open.push(state.next);
        } else if (at < length && holds(state.set, characters[at]!)) next.push(state.next);
      }
      current = next;
    }
    return false;
  }

  private push(state: State): number {
    if (this.states.length >= mostStates) {
      throw new LoupeError(
        'usage',
        `A pattern takes more than ${mostStates} states: its repetitions are too many.`,
      );
    }
    return this.states.push(state) - 1;
  }

  /** Adds a node's states in front of those that follow it; gives the first. */
  private add(node: PatternNode, next: number): number {
    switch (node.kind) {
      case 'characters':
        return this.push({ kind: 'characters', set: node.set, next });
      case 'edge':
        return this.push({ kind: 'edge', at: node.at, next });
      case 'sequence':
        return node.items.reduceRight((following, item) => this.add(item, following), next);
      case 'either':
        return this.push({ kind: 'fork', next: node.items.map((item) => this.add(item, next)) });
      case 'repeat': {
        let following = next;
        if (node.most === Number.POSITIVE_INFINITY) {
          const loop: number[] = [next];
          following = this.push({ kind: 'fork', next: loop });
          loop.push(this.add(node.item, following));
        } else {
          for (let count = node.least; count < node.most; count++) {
            following = this.push({ kind: 'fork', next: [this.add(node.item, following), next] });
          }
        }
        for (let count = 0; count < node.least; count++) following = this.add(node.item, following);
        return following;
      }
    }
  }
}

function holds({ ranges, isNegated }: CharacterSet, code: number): boolean {
  return ranges.some(([low, high]) => code >= low && code <= high) !== isNegated;
}
