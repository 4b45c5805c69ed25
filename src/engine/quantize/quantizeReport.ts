/** What a quantization tells when it is done, or when it only plans. */
import * as path from 'node:path';
import type { BackendUse, QuantizeReport, TensorError } from '../../protocol/engineApi';
import { chosenOptions } from '../../quant/choice';
import { choiceLabel } from '../../quant/choiceLabel';
import { fileTypeNamed, isCopy } from '../../quant/gguf/fileTypes';
import { schemeOfType } from '../../quant/gguf/ggmlSchemes';
import type { Recipe } from '../../quant/recipe';
import type { SchemeChoice } from '../../quant/types';
import type { QuantizePlan } from './plan';

/** A plan, and the recipe as it was asked for: what the output records. */
export type AskedPlan = QuantizePlan & { readonly asked: Recipe | undefined };

/** The rows of a plan whose values were not read: sizes are exact, errors are left out. */
export function dryRows(plan: QuantizePlan): TensorError[] {
  return plan.shards.flatMap((shard) =>
    shard.tensors.map((planned) =>
      planned.kind === 'copy'
        ? planned.row
        : // Not computed: the note keeps anyone from reading the zeros as a perfect copy.
          {
            ...planned.about,
            mse: 0,
            sqnr: null,
            maxAbs: 0,
            cosine: 1,
            meanAbs: 0,
            note: [planned.about.note, 'not computed: dry run'].filter(Boolean).join('; '),
          },
    ),
  );
}

/** The report of a plan. `rows` in any order; `started`: milliseconds of `performance.now()`. */
export function quantizeReport(
  plan: AskedPlan,
  backend: BackendUse,
  outputs: readonly string[],
  rows: readonly TensorError[],
  started: number,
): QuantizeReport {
  const { checkpoint } = plan;
  const warnings = [...idleRules(plan), ...plan.warnings];
  return {
    source: checkpoint.path,
    sourceName: checkpoint.name,
    outputs,
    open: path.join(folderOf(plan), plan.open),
    ...whatOf(plan),
    ...(warnings.length > 0 ? { warnings } : {}),
    backend,
    bytesBefore: plan.bytesBefore,
    bytesAfter: plan.bytesAfter,
    fileCount: plan.shards.length,
    ...(plan.fileType === undefined ? {} : { bitsPerWeight: bitsPerWeight(plan) }),
    ...(plan.lacksMatrix ? { lacksMatrix: true } : {}),
    seconds: (performance.now() - started) / 1000,
    tensors: inCatalogueOrder(checkpoint, rows),
  };
}

function bitsPerWeight({ shards }: QuantizePlan): number {
  let bytes = 0;
  let elements = 0;
  for (const planned of shards.flatMap(({ tensors }) => tensors)) {
    bytes += planned.kind === 'copy' ? planned.row.bytes : planned.about.bytes;
    elements += planned.tensor.elements;
  }
  return elements === 0 ? 0 : (8 * bytes) / elements;
}

/** Folder that the output's files lie in. */
export const folderOf = ({ out, asFiles }: QuantizePlan): string => (asFiles ? path.dirname(out) : out);

/** What a report says was done. A recipe's parts name the choice of most of the values that were quantized. */
function whatOf({
  request,
  asked,
  shards,
  fileType,
}: AskedPlan): Pick<
  QuantizeReport,
  'scheme' | 'granularity' | 'scaleDtype' | 'choice' | 'label' | 'recipe' | 'fileType'
> {
  if (!asked && fileType !== undefined) {
    const scheme = schemeOfType(fileTypeNamed(fileType).type) ?? 'f16';
    return {
      ...{ scheme, granularity: 'none', choice: { scheme, granularity: 'none' } },
      ...{ label: isCopy(fileType) ? 'copied' : `GGUF ${fileType}`, fileType },
    };
  }
  if (!asked) {
    const { scheme, granularity, scaleDtype } = request;
    return { scheme, granularity, scaleDtype, choice: chosenOptions(request), label: choiceLabel(request) };
  }
  const elements = new Map<string, { choice: SchemeChoice; count: number }>();
  for (const { tensors } of shards) {
    for (const planned of tensors) {
      if (planned.kind === 'copy') continue;
      const choice = chosenOptions(planned.setting.choice);
      const key = JSON.stringify(choice);
      const count = (elements.get(key)?.count ?? 0) + planned.tensor.elements;
      elements.set(key, { choice, count });
    }
  }
  const [most] = [...elements.values()].sort((a, b) => b.count - a.count);
  const { scheme, granularity, scaleDtype } = most?.choice ?? request;
  return {
    scheme,
    granularity,
    scaleDtype,
    label: `recipe ${asked.name ?? 'without a name'}`,
    ...(fileType === undefined ? {} : { fileType }),
    recipe: asked,
  };
}

/** Patterns that match no tensor are most likely a slip. */
function idleRules({ recipe, rules }: QuantizePlan): string[] {
  return rules.flatMap(({ matches, decided }, index) => {
    const { match } = recipe.rules[index]!;
    if (!matches) return [`No tensor's name matches ${match}.`];
    return decided === 0 ? [`Rules before it decide about every tensor that ${match} matches.`] : [];
  });
}

/** Rows come shard by shard; the catalogue's order is what views index by. */
function inCatalogueOrder(
  checkpoint: QuantizePlan['checkpoint'],
  rows: readonly TensorError[],
): TensorError[] {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return checkpoint.tensors.map(({ name }) => byName.get(name)!);
}
