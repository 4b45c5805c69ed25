/** One quick pick over every scheme with its usual options. */
import * as vscode from 'vscode';
import type { ComparedScheme } from '../protocol/webviewApi';
import { schemeOffers } from '../quant/schemeOffers';

interface SchemeItem extends vscode.QuickPickItem {
  readonly scheme?: ComparedScheme;
}

/** The scheme that the user chose; undefined when they left. */
export async function pickScheme(title: string): Promise<ComparedScheme | undefined> {
  const items: SchemeItem[] = [];
  let family = '';
  for (const offer of schemeOffers) {
    if (offer.family !== family) {
      family = offer.family;
      items.push({ label: family, kind: vscode.QuickPickItemKind.Separator });
    }
    const { choice, label, detail } = offer;
    items.push({ label, detail, scheme: { choice, label } });
  }
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: 'Scheme',
    matchOnDetail: true,
    // The page under it may take the focus back; only Escape leaves.
    ignoreFocusOut: true,
  });
  return chosen?.scheme;
}
