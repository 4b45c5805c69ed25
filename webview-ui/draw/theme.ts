/** The theme's colours for canvases, and word of its changes. DOM content takes them by CSS instead. */
import { parseColour, type Rgb } from './colour';

export interface ThemeColours {
  readonly kind: 'dark' | 'light' | 'high-contrast' | 'high-contrast-light';
  readonly background: Rgb;
  /** CSS colours from here on. */
  readonly foreground: string;
  readonly faint: string;
  readonly line: string;
  readonly focus: string;
  readonly first: string;
  readonly second: string;
  readonly warning: string;
  readonly font: string;
  readonly monospace: string;
}

/** Reads the theme from the variables that VS Code sets on the document element. */
export function readTheme(): ThemeColours {
  const style = getComputedStyle(document.documentElement);
  const take = (names: readonly string[], fallback: string) => {
    for (const name of names) {
      const value = style.getPropertyValue(`--vscode-${name}`).trim();
      if (value) return value;
    }
    return fallback;
  };
  const kind = themeKind();
  const light = kind === 'light' || kind === 'high-contrast-light';
  const background = take(['editor-background'], light ? '#ffffff' : '#1f1f1f');
  return {
    kind,
    background: parseColour(background) ?? (light ? [255, 255, 255] : [31, 31, 31]),
    foreground: take(['foreground', 'editor-foreground'], light ? '#3b3b3b' : '#cccccc'),
    faint: take(['descriptionForeground'], light ? '#717171' : '#9d9d9d'),
    line: take(['contrastBorder', 'panel-border', 'widget-border'], light ? '#e5e5e5' : '#2b2b2b'),
    focus: take(['focusBorder'], '#0078d4'),
    first: take(['charts-blue'], '#3794ff'),
    second: take(['charts-orange'], '#d18616'),
    warning: take(['editorWarning-foreground', 'charts-yellow'], '#cca700'),
    font: take(['font-family'], 'sans-serif'),
    monospace: take(['editor-font-family'], 'monospace'),
  };
}

function themeKind(): ThemeColours['kind'] {
  switch (document.body.dataset.vscodeThemeKind) {
    case 'vscode-light':
      return 'light';
    case 'vscode-high-contrast':
      return 'high-contrast';
    case 'vscode-high-contrast-light':
      return 'high-contrast-light';
    default:
      return 'dark';
  }
}

const listeners = new Set<() => void>();
let observer: MutationObserver | undefined;

/**
 * Calls the listener after each change of theme. One observer serves all: VS Code changes the class and
 * `data-vscode-theme-kind` of the body and the style of the document element.
 * Returns the function that ends it.
 */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  if (!observer) {
    observer = new MutationObserver(() => {
      for (const each of listeners) each();
    });
    observer.observe(document.body, {
      attributes: true,
      attributeFilter: ['class', 'data-vscode-theme-kind', 'data-vscode-theme-id'],
    });
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['class', 'style'] });
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      observer?.disconnect();
      observer = undefined;
    }
  };
}
