/** Values of a block as text. */
import { csvStyle, numpyStyle, styledText } from '../../numeric/valueText';
import { isWide, runValues } from './valuesTask';
import type { TextTask } from './viewTasks';
import type { WorkerContext } from './workerContext';

/**
 * csv: values with commas between, a line feed behind each row that the block ends. numpy: rows in brackets, with
 * commas between rows but none behind the region's last one.
 */
export function runText(context: WorkerContext, task: TextTask): string {
  const { source, block, region, format } = task;
  const { values, exact } = runValues(context, { ...task, kind: 'values' });
  const isNumpy = format === 'numpy';
  const style = isNumpy ? numpyStyle : csvStyle;
  const wide = isWide(source);
  const isBool = isNumpy && !source.packed && source.dtype === 'BOOL';
  const texts: string[] = [];
  const endsRow = block.column + block.columns === region.column1;
  const beginsRow = block.column === region.column0;
  for (let i = 0; i < block.rows; i++) {
    context.checkCancelled();
    const row: string[] = [];
    for (let j = i * block.columns; j < (i + 1) * block.columns; j++) {
      const value = values[j]!;
      if (isBool) row.push(value === 0 ? 'False' : 'True');
      else row.push(exact?.[j] ?? styledText(value, style, wide));
    }
    if (isNumpy && beginsRow) texts.push('[');
    texts.push(row.join(isNumpy ? ', ' : ','));
    if (!endsRow) texts.push(isNumpy ? ', ' : ',');
    else if (!isNumpy) texts.push('\n');
    else texts.push(block.row + i === region.row1 - 1 ? ']' : '],\n');
  }
  return texts.join('');
}
