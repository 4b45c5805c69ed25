/** The few icons of the pages, drawn here: no icon font to load before the first paint. */
import { html, svg, type TemplateResult } from 'lit';

const icon = (content: TemplateResult, name: string) =>
  html`<svg class="icon icon-${name}" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${content}</svg>`;

export const warningIcon = () =>
  icon(
    svg`<path fill="currentColor" fill-rule="evenodd" d="M8 1.6 15.2 14.4H.8ZM7.3 6v4.3h1.4V6Zm0 5.4v1.4h1.4v-1.4Z"/>`,
    'warning',
  );
export const errorIcon = () =>
  icon(
    svg`<path fill="currentColor" fill-rule="evenodd" d="M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Zm-.8 3.2v5h1.6v-5Zm0 6.4v1.6h1.6v-1.6Z"/>`,
    'error',
  );
export const infoIcon = () =>
  icon(
    svg`<path fill="none" stroke="currentColor" d="M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13Z"/><path fill="currentColor" d="M7.3 7h1.4v5H7.3Zm0-2.7h1.4v1.4H7.3Z"/>`,
    'info',
  );
export const closeIcon = () =>
  icon(svg`<path fill="none" stroke="currentColor" stroke-width="1.2" d="m4 4 8 8m0-8-8 8"/>`, 'close');
export const copyIcon = () =>
  icon(svg`<path fill="none" stroke="currentColor" d="M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1"/>`, 'copy');

export function severityIcon(severity: 'error' | 'warning' | 'info') {
  return severity === 'error' ? errorIcon() : severity === 'warning' ? warningIcon() : infoIcon();
}

const svgNamespace = 'http://www.w3.org/2000/svg';

/** A chevron that points right; CSS turns it. For the table, which makes its rows by hand. */
export function chevronElement(): SVGSVGElement {
  const root = document.createElementNS(svgNamespace, 'svg');
  root.setAttribute('viewBox', '0 0 16 16');
  root.setAttribute('class', 'chevron');
  root.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(svgNamespace, 'path');
  path.setAttribute('d', 'm6 3.5 4.5 4.5L6 12.5');
  path.setAttribute('fill', 'none');
  path.setAttribute('stroke', 'currentColor');
  path.setAttribute('stroke-width', '1.3');
  root.append(path);
  return root;
}
