/** Which function runs which of the tensor viewer's tasks. */
import { runElement } from './elementTask';
import { runFold } from './foldTask';
import { runProfile } from './profileTask';
import { runSave } from './saveTask';
import { runText } from './textTask';
import { runValues } from './valuesTask';
import type { ViewTask } from './viewTasks';
import type { WorkerContext } from './workerContext';

export function runViewTask(context: WorkerContext, task: ViewTask): unknown {
  switch (task.kind) {
    case 'values':
      return runValues(context, task);
    case 'fold':
      return runFold(context, task);
    case 'element':
      return runElement(context, task);
    case 'text':
      return runText(context, task);
    case 'save':
      return runSave(context, task);
    case 'profile':
      return runProfile(context, task);
  }
}
