/** Finds the tensors in what a pickle holds, and names them by the way that leads there. */
import { LoupeError } from '../../errors';
import type { MetadataEntry } from '../checkpoint';
import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleTensor,
  type PickleValue,
} from './pickleValues';

/** State dicts are nested three or four levels deep. */
const deepestPath = 64;
const mostSettings = 500;
const longestSetting = 1024;
/** All names together, in characters: nesting could repeat a long prefix a million times. */
const mostNameChars = 32 << 20;
/** A module's attributes that say nothing: its state dict leaves them out of the names too. */
const moduleParts = new Set(['_parameters', '_buffers', '_modules']);

export interface NamedTensor {
  readonly name: string;
  readonly tensor: PickleTensor;
}

export interface Flattened {
  readonly tensors: readonly NamedTensor[];
  /** Plain values beside them: epochs, rates, versions. */
  readonly settings: readonly MetadataEntry[];
  /** How often each name came twice; the first tensor of a name is kept. */
  readonly duplicates: readonly string[];
  /** Something lay deeper than is looked. */
  readonly tooDeep: boolean;
}

interface Place {
  readonly value: PickleValue;
  readonly path: string;
  readonly depth: number;
}

/**
 * Walks dicts, lists and the state of objects, in order, joining keys with dots; a container that is reached twice
 * is walked once. `rootName` names a tensor that is all there is. Throws `unsupported` when the names get too long.
 */
export function flatten(root: PickleValue, rootName: string, file: string): Flattened {
  const tensors = new Map<string, PickleTensor>();
  const settings: MetadataEntry[] = [];
  const duplicates: string[] = [];
  const seen = new Set<PickleValue>();
  let nameChars = 0;
  let tooDeep = false;
  const pending: Place[] = [{ value: root, path: '', depth: 0 }];
  for (let place = pending.pop(); place; place = pending.pop()) {
    const { value, path, depth } = place;
    if (value instanceof PickleTensor) {
      const name = path || rootName;
      nameChars += name.length;
      if (nameChars > mostNameChars)
        throw new LoupeError('unsupported', "The tensors' names are too long to be held in memory.", {
          file,
        });
      if (!tensors.has(name)) tensors.set(name, value);
      else if (tensors.get(name) !== value) duplicates.push(name);
      continue;
    }
    const children = childrenOf(value);
    if (!children) {
      const setting = settings.length < mostSettings && path !== '' ? settingOf(path, value) : undefined;
      if (setting) settings.push(setting);
      continue;
    }
    if (seen.has(value)) continue;
    seen.add(value);
    if (depth >= deepestPath) {
      tooDeep = true;
      continue;
    }
    // The stack is taken from its end, so the first child goes on last.
    for (let i = children.length - 1; i >= 0; i--) {
      const { key, child } = children[i]!;
      if (key === undefined) continue;
      const next =
        value instanceof PickleObject && moduleParts.has(key) ? path : path === '' ? key : `${path}.${key}`;
      pending.push({ value: child, path: next, depth: depth + 1 });
    }
  }
  return {
    tensors: [...tensors].map(([name, tensor]) => ({ name, tensor })),
    settings,
    duplicates,
    tooDeep,
  };
}

function childrenOf(value: PickleValue): { key: string | undefined; child: PickleValue }[] | undefined {
  if (value instanceof PickleDict)
    return value.keys.map((key, i) => ({ key: keyOf(key), child: value.values[i]! }));
  if (value instanceof PickleList) return value.items.map((child, i) => ({ key: String(i), child }));
  if (!(value instanceof PickleObject)) return undefined;
  // A module's parts lie in dicts of its state; their names are its own.
  const ownState = value.state instanceof PickleDict ? childrenOf(value.state) : undefined;
  const state = ownState ?? (value.state === null ? [] : [{ key: 'state', child: value.state }]);
  const contents = value.contents ? (childrenOf(value.contents) ?? []) : [];
  const args = value.args instanceof PickleList ? (childrenOf(value.args) ?? []) : [];
  return [...state, ...contents, ...args];
}

function keyOf(key: PickleValue): string | undefined {
  if (typeof key === 'string') return key;
  return typeof key === 'number' || typeof key === 'boolean' ? String(key) : undefined;
}

function settingOf(path: string, value: PickleValue): MetadataEntry | undefined {
  const key = path.slice(0, longestSetting);
  if (typeof value === 'string') return { key, type: 'str', value: value.slice(0, longestSetting) };
  if (typeof value === 'boolean') return { key, type: 'bool', value };
  if (typeof value === 'bigint') return { key, type: 'int', value: String(value) };
  if (typeof value === 'number') {
    const type = Number.isInteger(value) ? 'int' : 'float';
    return { key, type, value: Number.isFinite(value) ? value : String(value) };
  }
  if (value instanceof PickleGlobal) return { key, type: 'name', value: value.path.slice(0, longestSetting) };
  return undefined;
}
