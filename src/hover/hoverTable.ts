/** The hover's content as Markdown. Pure. */
import { binarySize, parameterCount } from '../numeric/sizeText';
import type { CheckpointBrief } from '../protocol/engineApi';

/**
 * A compact table: parameters, size and dtypes, memory of the weights in F32, F16, INT8 and INT4.
 * Names come from files and are escaped; `commandUri` opens the checkpoint.
 */
export function hoverTable(brief: CheckpointBrief, commandUri: string): string {
  const architecture = brief.architecture ? ` · ${escapeMarkdown(brief.architecture.name)}` : '';
  const dtypes = brief.dtypes
    .slice(0, 4)
    .map(({ dtype, bytes }) => `${escapeMarkdown(dtype)} ${share(bytes, brief.bytes)}`)
    .join(', ');
  const files = brief.fileCount === 1 ? '' : ` in ${brief.fileCount} shards`;
  const lines = [
    `**${escapeMarkdown(brief.name)}**${architecture} · ${parameterCount(brief.parameters)} parameters`,
    '',
    `${binarySize(brief.bytes)} on disk${files} · ${dtypes}`,
    '',
    `| Weights in | ${brief.memory.map(({ label }) => label).join(' | ')} |`,
    `|:--|${brief.memory.map(() => '--:').join('|')}|`,
    `| memory | ${brief.memory.map(({ bytes }) => binarySize(bytes)).join(' | ')} |`,
    '',
  ];
  if (brief.errors > 0)
    lines.push(`$(error) ${brief.errors} ${brief.errors === 1 ? 'error' : 'errors'} in the file`, '');
  lines.push(`[Open in Tensor Loupe](${commandUri} "Show the tensors of this checkpoint")`);
  return lines.join('\n');
}

function share(part: number, whole: number): string {
  if (whole === 0) return '';
  const percent = (100 * part) / whole;
  return percent > 99.5 && part < whole ? '> 99 %' : `${percent < 0.5 ? '< 1' : Math.round(percent)} %`;
}

/** Makes untrusted text inert in Markdown: no links, images, code, tables, HTML or icons. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>~$&:]/g, '\\$&').replace(/\s+/g, ' ');
}
