/** The rows in which backends are chosen from. Pure, so that what people read is tested. */
import { binarySize } from '../numeric/sizeText';
import type { BackendReport } from '../protocol/backendApi';
import type { BackendSetting } from '../protocol/backendPageApi';
import { backendLabels, sentences, speedText } from '../protocol/backendTexts';

export interface BackendItem {
  readonly value: BackendSetting;
  readonly label: string;
  readonly description: string;
  readonly detail: string;
  readonly available: boolean;
}

/** Automatic first with what it would take, then what is there, then what is not with the reason and the cure. */
export function backendItems(reports: readonly BackendReport[]): BackendItem[] {
  const automatic = reports.find((report) => report.available);
  const sorted = [...reports].sort((a, b) => Number(b.available) - Number(a.available));
  return [
    {
      value: 'auto',
      label: 'Automatic',
      description: automatic ? `takes ${backendLabels[automatic.name]}` : '',
      detail: automatic?.reason ?? 'CPU kernels',
      available: true,
    },
    ...sorted.map((report) => ({
      value: report.name,
      label: backendLabels[report.name],
      description: report.available ? facts(report) : 'not available',
      detail: detailOf(report),
      available: report.available,
    })),
  ];
}

function detailOf(report: BackendReport): string {
  if (!report.available) return sentences(report);
  // The reason of the kernels says why nothing else is taken, which stands at Automatic.
  return report.name === 'cpu' ? 'WebAssembly kernels, on which every scheme runs' : report.reason;
}

/** "12.3 GB/s · NVIDIA L4 · 24.0 GiB · NVIDIA 550.54": what is known of one that is there. */
function facts({ measured, adapter, gpu, runtime }: BackendReport): string {
  return [
    measured === undefined ? undefined : speedText(measured),
    adapter,
    gpu?.memoryBytes === undefined ? undefined : binarySize(gpu.memoryBytes),
    gpu?.driver,
    runtime,
  ]
    .filter((part) => part !== undefined)
    .join(' · ');
}
