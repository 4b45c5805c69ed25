/** How the models of a list are put in order and told apart. Pure. */
import type { LocalModel } from '../../protocol/modelsApi';

export type ModelSort = 'size' | 'name';

/** The largest first, or by name with numbers in their order. */
export function sortedModels(models: readonly LocalModel[], sort: ModelSort): LocalModel[] {
  const byName = (a: LocalModel, b: LocalModel) =>
    a.name.localeCompare(b.name, undefined, { numeric: true }) || (a.path < b.path ? -1 : 1);
  return [...models].sort(sort === 'name' ? byName : (a, b) => b.bytes - a.bytes || byName(a, b));
}

/** Paths of models that share their name with another one of the list. */
export function namesakes(models: readonly LocalModel[]): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const { name } of models) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Set(models.filter(({ name }) => counts.get(name)! > 1).map(({ path }) => path));
}
