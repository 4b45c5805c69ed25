/** The import graph of the sources, read from their text, and the layer rule that it must keep. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';

export interface ImportEdge {
  /** Path of the importing file, from the repository's root, with forward slashes. */
  readonly from: string;
  /** The same of the imported file, or a package's name as it is written. */
  readonly to: string;
  /** Whether `to` is a file of this repository. */
  readonly local: boolean;
  /** Whether only types cross: such an import leaves nothing in a bundle. */
  readonly typeOnly: boolean;
}

/** Reads a repository file's text, or undefined where there is none: the graph's only view of the disk. */
export type ReadSource = (path: string) => string | undefined;

/** Blanks out comments, and leaves strings alone, so that an import in an example is not taken for one. */
export function withoutComments(source: string): string {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return source.replace(token, (text) => (text.startsWith('/') ? text.replace(/[^\n]/g, ' ') : text));
}

const statement = /^[ \t]*(import|export)\b([^'"`;]*?)(?:\bfrom\s*)?(['"])([^'"\n]+)\3/gm;
const dynamic = /\b(?:import|require)\s*\(\s*(['"])([^'"\n]+)\1/g;

/** The modules that a source names, with whether each is imported for its types alone. */
export function importsOf(source: string): { specifier: string; typeOnly: boolean }[] {
  const text = withoutComments(source);
  const found: { specifier: string; typeOnly: boolean }[] = [];
  for (const [, keyword, clause = '', , specifier = ''] of text.matchAll(statement)) {
    // `export const x = 'y'` and the like name no module; `import 'x'` has an empty clause.
    const isImport = clause.trim() === '' || /^\s*(type\s|\*|\{|[\w$]+\s*(,|$))/.test(clause);
    if (!isImport || (keyword === 'export' && !/^\s*(type\s*)?[*{]/.test(clause))) continue;
    const named = /\{([^}]*)\}/.exec(clause)?.[1];
    const members = (named ?? '').split(',').filter((member) => member.trim() !== '');
    const everyMemberIsType =
      /^\s*\{/.test(clause) && members.length > 0 && members.every((member) => /^\s*type\s/.test(member));
    found.push({ specifier, typeOnly: /^\s*type\s/.test(clause) || everyMemberIsType });
  }
  for (const [, , specifier = ''] of text.matchAll(dynamic)) found.push({ specifier, typeOnly: false });
  return found;
}

/** Where a relative import leads: the file itself, the same with an ending, or a folder's index. */
function resolveLocal(from: string, specifier: string, read: ReadSource): string {
  const base = posix.normalize(posix.join(posix.dirname(from), specifier));
  const candidates = [base, `${base}.ts`, `${base}.js`, `${base}/index.ts`];
  return candidates.find((path) => /\.\w+$/.test(path) && read(path) !== undefined) ?? base;
}

/** All edges that start in the given files. */
export function importEdges(files: readonly string[], read: ReadSource): ImportEdge[] {
  return files.flatMap((from) =>
    importsOf(read(from) ?? '').map(({ specifier, typeOnly }) => {
      const local = specifier.startsWith('.');
      return { from, to: local ? resolveLocal(from, specifier, read) : specifier, local, typeOnly };
    }),
  );
}

/** The TypeScript sources under a folder, as paths from the root with forward slashes. */
export function sourcesUnder(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) =>
      relative(root, join(root, folder, String(name)))
        .split(sep)
        .join('/'),
    )
    .filter((path) => path.endsWith('.ts') && !path.includes('/assembly/'))
    .sort();
}

/** Reads sources from the disk. */
export function readFrom(root: string): ReadSource {
  const known = new Map<string, string | undefined>();
  return (path) => {
    if (!known.has(path)) {
      const file = join(root, path);
      known.set(path, existsSync(dirname(file)) && existsSync(file) ? readFileSync(file, 'utf8') : undefined);
    }
    return known.get(path);
  };
}

/** Folders and files of src/, each with its height: an import goes to the same height or further down. */
const heights: Readonly<Record<string, number>> = {
  errors: 0,
  numeric: 1,
  bytes: 1,
  formats: 2,
  hub: 2,
  kernels: 2,
  stats: 3,
  quant: 3,
  estimate: 3,
  convert: 3,
  protocol: 4,
  engine: 5,
  editor: 6,
  commands: 6,
  hover: 6,
  cli: 7,
  extension: 7,
};

const mayImportVscode = new Set(['editor', 'commands', 'hover', 'extension']);
const host = new Set(['editor', 'commands', 'hover', 'extension', 'cli']);

/** `src/formats/gguf/header.ts` and `src/errors.ts` belong to `formats` and `errors`; undefined outside src. */
function layerOf(path: string): string | undefined {
  return /^src\/([^/.]+)/.exec(path)?.[1];
}

function brokenRule(edge: ImportEdge): string | undefined {
  const { from, to, local, typeOnly } = edge;
  if (from.startsWith('webview-ui/')) {
    if (local && !to.startsWith('webview-ui/') && !to.startsWith('src/protocol/'))
      return 'the webview imports src/protocol alone';
    if (to === 'vscode' || to.startsWith('node:')) return 'the webview runs in a browser';
    return undefined;
  }
  const layer = layerOf(from);
  const height = layer === undefined ? undefined : heights[layer];
  if (layer === undefined || height === undefined) return `${from} is in no known layer`;
  if (to === 'vscode' && !mayImportVscode.has(layer)) return `${layer} does not know of VS Code`;
  if (!local) return undefined;
  const target = layerOf(to);
  const targetHeight = target === undefined ? undefined : heights[target];
  if (target === undefined || targetHeight === undefined) return `${to} is in no known layer`;
  if (targetHeight > height) return `${layer} is below ${target}`;
  if (layer === 'protocol' && target !== 'protocol' && target !== 'errors' && !typeOnly) {
    return 'protocol takes only types from the core';
  }
  if (host.has(layer) && target === 'engine' && to !== 'src/engine/client.ts') {
    return 'the host reaches the engine through engine/client only';
  }
  return undefined;
}

/** One sentence for each edge that breaks the layer rule. */
export function layerViolations(edges: readonly ImportEdge[]): string[] {
  return edges.flatMap((edge) => {
    const rule = brokenRule(edge);
    return rule === undefined ? [] : [`${edge.from} imports ${edge.to}: ${rule}`];
  });
}

/** The import cycles among files, each as the path that leads back to its start; types count too. */
export function importCycles(edges: readonly ImportEdge[]): string[] {
  const targets = new Map<string, string[]>();
  for (const { from, to, local } of edges) if (local) targets.set(from, [...(targets.get(from) ?? []), to]);
  const cycles: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      cycles.push([...path.slice(start), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const target of targets.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of targets.keys()) visit(file);
  return cycles;
}
