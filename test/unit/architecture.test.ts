/** The layer rule of ARCHITECTURE.md, checked against the imports that are really there. */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  importCycles,
  importEdges,
  importsOf,
  layerViolations,
  readFrom,
  sourcesUnder,
} from '../support/importGraph';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const read = readFrom(root);
const files = [...sourcesUnder(root, 'src'), ...sourcesUnder(root, 'webview-ui')];
const edges = importEdges(files, read);

describe('the import graph', () => {
  it('is read: it has files, edges and resolved targets', () => {
    expect(files.length).toBeGreaterThan(20);
    expect(edges).toContainEqual({
      from: 'src/protocol/rpc.ts',
      to: 'src/errors.ts',
      local: true,
      typeOnly: false,
    });
    const unresolved = edges.filter(({ to, local }) => local && read(to) === undefined);
    expect(unresolved.map(({ from, to }) => `${from} imports ${to}, which is not there`)).toEqual([]);
  });

  it('goes downward only', () => {
    expect(layerViolations(edges)).toEqual([]);
  });

  it('has no cycle', () => {
    expect(importCycles(edges)).toEqual([]);
  });
});

describe('the checker', () => {
  /** The sentences about a made-up repository of these sources. */
  const check = (sources: Record<string, string>) => {
    const made = importEdges(Object.keys(sources), (path) => sources[path]);
    return [...layerViolations(made), ...importCycles(made)];
  };

  it('accepts what the rule allows', () => {
    const sources = {
      'src/errors.ts': '',
      'src/numeric/dtypes.ts': '',
      'src/formats/checkpoint.ts': "import { width } from '../numeric/dtypes';\n",
      'src/protocol/engineApi.ts': "import type { Checkpoint } from '../formats/checkpoint';\n",
      'src/protocol/rpc.ts': "import { LoupeError, type SerializedError } from '../errors';\n",
      'src/engine/client.ts': "import { Rpc } from '../protocol/rpc';\n",
      'src/editor/editor.ts':
        "import * as vscode from 'vscode';\nimport { Engine } from '../engine/client';\n",
      'src/extension.ts': "import { Editor } from './editor/editor';\n",
      'webview-ui/main.ts': "import { html } from 'lit';\nimport { Rpc } from '../src/protocol/rpc';\n",
    };
    expect(check(sources)).toEqual([]);
  });

  it.each([
    ['an upward edge', 'src/formats/a.ts', "import { b } from '../engine/b';", 'src/engine/b.ts'],
    [
      'an upward edge of types',
      'src/stats/a.ts',
      "import type { B } from '../protocol/b';",
      'src/protocol/b.ts',
    ],
    [
      'an upward edge over lines',
      'src/quant/a.ts',
      "import {\n  b,\n  c,\n} from '../engine/b';",
      'src/engine/b.ts',
    ],
    [
      'an upward dynamic import',
      'src/bytes/a.ts',
      "const b = await import('../formats/b');",
      'src/formats/b.ts',
    ],
    ['an upward re-export', 'src/errors.ts', "export * from './numeric/b';", 'src/numeric/b.ts'],
    [
      'values of the core in the protocol',
      'src/protocol/a.ts',
      "import { b } from '../stats/b';",
      'src/stats/b.ts',
    ],
    ['vscode in the core', 'src/engine/a.ts', "import * as vscode from 'vscode';", 'vscode'],
    ['vscode in the command line', 'src/cli.ts', "import type { Uri } from 'vscode';", 'vscode'],
    ['vscode in the webview', 'webview-ui/a.ts', "import 'vscode';", 'vscode'],
    ['Node in the webview', 'webview-ui/a.ts', "import { join } from 'node:path';", 'node:path'],
    [
      'the core in the webview',
      'webview-ui/a.ts',
      "import type { B } from '../src/stats/b';",
      'src/stats/b.ts',
    ],
    [
      'the engine behind its client',
      'src/editor/a.ts',
      "import { b } from '../engine/jobs';",
      'src/engine/jobs.ts',
    ],
    ['a folder without a layer', 'src/utils/a.ts', "import { b } from '../errors';", 'src/errors.ts'],
  ])('catches %s', (_what, from, source, to) => {
    expect(check({ [from]: `${source}\n`, [to]: '' })).toHaveLength(1);
  });

  it('catches a cycle, and names its path', () => {
    const sources = {
      'src/stats/a.ts': "import { b } from './b';\n",
      'src/stats/b.ts': "import type { C } from './c';\n",
      'src/stats/c.ts': "import { a } from './a';\n",
    };
    expect(check(sources)).toEqual(['src/stats/a.ts -> src/stats/b.ts -> src/stats/c.ts -> src/stats/a.ts']);
  });

  it('reads statements, not comments or strings', () => {
    const source = [
      "// import { a } from './a';",
      "/* import { b } from './b'; */",
      "export const text = 'c';",
      "export type Kind = 'd' | 'e';",
      "const url = 'https://example.org'; // import './f';",
      "import { type G, type H } from './gh';",
      "import i, { type J } from './ij';",
      "import './k';",
    ].join('\n');
    expect(importsOf(source)).toEqual([
      { specifier: './gh', typeOnly: true },
      { specifier: './ij', typeOnly: false },
      { specifier: './k', typeOnly: false },
    ]);
  });
});
