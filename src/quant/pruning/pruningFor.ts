import type { Setting } from '../scheme';
import { pruneLayers } from './layers';
import { pruneMagnitude } from './magnitude';
import { pruneNm } from './nm';
import type { Pruning } from './pruning';
import { pruneStructured } from './structured';

/** The pruning that a setting asks for; undefined where there is none. */
export function pruningFor(setting: Setting): Pruning | undefined {
  const method = setting.choice.prune;
  if (method === undefined) return undefined;
  if (method === 'magnitude') return pruneMagnitude(setting);
  if (method === 'nm') return pruneNm(setting);
  if (method === 'layers') return pruneLayers(setting);
  return pruneStructured(setting, method);
}
