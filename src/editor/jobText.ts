/** What is said of a job: in the status bar, its notification and its menu. Pure. */
import { binarySize } from '../numeric/sizeText';
import type { Job } from './jobTracker';

/** "tiny-llama (NF4 per block of 64)". */
export const jobName = ({ name, label }: Pick<Job, 'name' | 'label'>): string =>
  label === '' ? name : `${name} (${label})`;

/** "43 %", or what it waits for. */
export function jobPlace({ state, isCancelled }: Pick<Job, 'state' | 'isCancelled'>): string {
  if (isCancelled) return 'being cancelled';
  if (state.waitingFor !== undefined)
    return `waits for ${state.waitingFor === 1 ? 'a job' : `${state.waitingFor} jobs`}`;
  if (state.bytesTotal === 0) return 'starting';
  return `${Math.floor((100 * state.bytesDone) / state.bytesTotal)} %`;
}

/** "43 % · 2 min left". */
function jobStatus(job: Pick<Job, 'state' | 'isCancelled'>): string {
  const { waitingFor, secondsLeft } = job.state;
  const isRunning = waitingFor === undefined && !job.isCancelled;
  const left = isRunning && secondsLeft !== undefined ? ` · ${timeText(secondsLeft)} left` : '';
  return `${jobPlace(job)}${left}`;
}

/** With what has been read of how much. */
export function jobDetail(job: Pick<Job, 'state' | 'isCancelled'>): string {
  const { bytesDone, bytesTotal, waitingFor } = job.state;
  const bytes =
    bytesTotal === 0 || waitingFor !== undefined
      ? ''
      : ` · ${binarySize(bytesDone)} of ${binarySize(bytesTotal)}`;
  return `${jobStatus(job)}${bytes}`;
}

/** Seconds as one or two words: "8 s", "3 min", "1 h 20 min". */
export function timeText(seconds: number): string {
  if (seconds < 55) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${Math.max(1, minutes)} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest === 0 ? '' : ` ${rest} min`}`;
}

/** The text of a status bar item: the oldest job, and how many there are besides. Undefined without jobs. */
export function statusBarText(
  jobs: readonly Pick<Job, 'name' | 'state' | 'isCancelled'>[],
): string | undefined {
  const [first, ...others] = jobs;
  if (!first) return undefined;
  const more = others.length === 0 ? '' : ` (+${others.length})`;
  return `$(sync~spin) ${iconless(shortened(first.name))} ${jobStatus(first)}${more}`;
}

/** Status bar and menus turn "$(name)" into an icon; names of models must not become one. */
export const iconless = (text: string): string => text.replaceAll('$(', '$ (');

/** Notifications turn "[text](command:...)" into links: names of tensors and files must not. */
export const linkless = (text: string): string => text.replaceAll('](', '] (');

const shortened = (name: string): string => (name.length > 30 ? `${name.slice(0, 29)}…` : name);
