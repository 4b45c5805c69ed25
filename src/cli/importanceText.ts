/** What `inspect` tells of an importance matrix: the table of llama-imatrix --show-statistics. */
import type { ImportanceStatistics } from '../protocol/importanceApi';
import { figure, printable, textTable } from './textTable';

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const right = (title: string) => ({ title, align: 'right' as const });

/** Lines: where the matrix comes from, a row for each weight, a row for each layer. */
export function importanceText({
  isLegacy,
  datasets,
  chunks,
  weights,
  unseen,
  layers,
}: ImportanceStatistics): string {
  const texts = datasets.length === 0 ? 'a text that is not named' : datasets.map(printable).join(', ');
  const counted = isLegacy ? 'chunks' : 'tokens';
  const asked = (least: number, most: number) => (least === most ? String(most) : `${least}..${most}`);
  return [
    `Importance matrix of ${weights.length} weights, from ${chunks > 0 ? `${chunks} chunks of ` : ''}${texts}`,
    '',
    textTable(
      [
        { title: 'Weight' },
        ...['Σ(Act²)', 'min', 'max', 'μ', 'σ', 'active', 'N', 'entropy', 'E (norm)', 'ZD', 'CosSim'].map(
          right,
        ),
        ...[counted, 'experts unasked'].map(right),
      ],
      weights.map((weight) => [
        weight.name,
        ...[weight.total, weight.min, weight.max, weight.mean, weight.deviation].map(figure),
        percent(weight.active),
        String(weight.elements),
        weight.entropy.toFixed(4),
        percent(weight.evenness),
        percent(weight.zd),
        weight.similarity === undefined ? '—' : weight.similarity.toFixed(4),
        asked(weight.leastCount, weight.mostCount),
        weight.experts === 1 ? '—' : `${weight.unasked} of ${weight.experts}`,
      ]),
    ),
    ...(layers.length === 0
      ? []
      : [
          '',
          'Means over the weights of a layer, by their number of columns',
          textTable(
            [right('Layer'), right('Σ(Act²)'), right('ZD'), right('CosSim')],
            layers.map(({ layer, total, zd, similarity }) => [
              String(layer),
              figure(total),
              percent(zd),
              similarity.toFixed(4),
            ]),
          ),
        ]),
    ...(unseen.length === 0
      ? []
      : [
          '',
          `${unseen.length} of ${weights.length + unseen.length} weights have no data, such as ${printable(unseen[0]!)}.`,
        ]),
  ].join('\n');
}
