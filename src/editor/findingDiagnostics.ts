/** The findings of every open checkpoint in the Problems panel. */
import * as vscode from 'vscode';
import type { Finding } from '../protocol/engineApi';

const severities = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  info: vscode.DiagnosticSeverity.Information,
} as const;

/** The sentence, with the tensor and the byte where it does not name them itself. */
function messageOf({ message, tensor, byteOffset }: Finding): string {
  const where = [
    ...(tensor === undefined || message.includes(tensor) ? [] : [`tensor ${tensor}`]),
    ...(byteOffset === undefined ? [] : [`byte ${byteOffset}, 0x${byteOffset.toString(16)}`]),
  ];
  return where.length === 0 ? message : `${message} (${where.join(', ')})`;
}

export class FindingDiagnostics implements vscode.Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection('tensorLoupe');
  private readonly shown = new Map<string, readonly { uri: vscode.Uri; finding: Finding }[]>();

  /** `helpUri` leads to a code's section in docs/findings.md. */
  constructor(private readonly helpUri: (code: string) => vscode.Uri) {}

  /** Shows these findings of an opened document, and no others of it. */
  update(document: vscode.Uri, findings: readonly Finding[]): void {
    this.shown.set(
      document.toString(),
      findings.map((finding) => ({
        uri: finding.file === undefined ? document : vscode.Uri.file(finding.file),
        finding,
      })),
    );
    this.publish();
  }

  remove(document: vscode.Uri): void {
    if (this.shown.delete(document.toString())) this.publish();
  }

  dispose(): void {
    this.collection.dispose();
  }

  /** A shard and its index may both be open: what both say is said once. */
  private publish(): void {
    const byFile = new Map<string, { uri: vscode.Uri; diagnostics: Map<string, vscode.Diagnostic> }>();
    for (const entries of this.shown.values()) {
      for (const { uri, finding } of entries) {
        const key = uri.toString();
        const file = byFile.get(key) ?? { uri, diagnostics: new Map() };
        byFile.set(key, file);
        const diagnostic = this.diagnostic(finding);
        file.diagnostics.set(`${finding.code} ${diagnostic.message}`, diagnostic);
      }
    }
    this.collection.clear();
    this.collection.set([...byFile.values()].map(({ uri, diagnostics }) => [uri, [...diagnostics.values()]]));
  }

  private diagnostic(finding: Finding): vscode.Diagnostic {
    // A binary file has no lines: the byte is in the message.
    const diagnostic = new vscode.Diagnostic(
      new vscode.Range(0, 0, 0, 0),
      messageOf(finding),
      severities[finding.severity],
    );
    diagnostic.source = 'Tensor Loupe';
    diagnostic.code = { value: finding.code, target: this.helpUri(finding.code) };
    return diagnostic;
  }
}
