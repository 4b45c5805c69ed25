/** "Edit GGUF Metadata..." and "Edit Chat Template": keys are changed, added and removed in a list, and written at once. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import {
  chatTemplateKey,
  ggufCatalogue,
  metadataUri,
  shortValue,
  valueText,
  writeEdits,
} from '../editor/metadataDocuments';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { Catalogue, MetadataEntry } from '../protocol/engineApi';
import type { EditMetadataReport, MetadataEdit } from '../protocol/ggufApi';
import { pick } from './pickStep';
import type { Choice } from './schemeMenu';
import { showFailure } from './showFailure';

/** Given instead of the list's answers by callers that know them. */
export interface EditMetadataArguments {
  readonly edits?: readonly MetadataEdit[];
  /** Another file to write. */
  readonly out?: string;
}

type Step =
  | { readonly kind: 'write' }
  | { readonly kind: 'add' }
  | { readonly kind: 'key'; readonly entry: MetadataEntry };
type Change = 'value' | 'document' | 'remove' | 'strip' | 'undo';

/** Types of new keys, the usual ones first. */
const newTypes = [
  'string',
  'u32',
  'f32',
  'bool',
  'i32',
  'u64',
  'i64',
  'f64',
  'u8',
  'i8',
  'u16',
  'i16',
] as const;

/** Resolves to what was written; undefined when left. Failures are shown, not thrown. */
export async function editMetadata(
  engine: EngineClient,
  log: vscode.LogOutputChannel,
  uri: vscode.Uri,
  given: EditMetadataArguments = {},
): Promise<EditMetadataReport | undefined> {
  try {
    assertEditable(uri);
    const file = uri.fsPath;
    const catalogue = await ggufCatalogue(engine, file);
    const edits = given.edits ?? (await askEdits(engine, file, catalogue));
    if (!edits) return undefined;
    const report = await writeEdits(engine, {
      ...{ path: file, edits, out: given.out, overwrite: false, dryRun: false },
      generation: catalogue.generation,
    });
    announce(report);
    return report;
  } catch (thrown) {
    await showFailure(LoupeError.from(thrown), log);
    return undefined;
  }
}

/** Opens the chat template as a document; saving it writes it into the file. */
export async function editChatTemplate(
  engine: EngineClient,
  log: vscode.LogOutputChannel,
  uri: vscode.Uri,
): Promise<void> {
  try {
    assertEditable(uri);
    await ggufCatalogue(engine, uri.fsPath);
    await vscode.window.showTextDocument(metadataUri(uri.fsPath, chatTemplateKey), { preview: false });
  } catch (thrown) {
    await showFailure(LoupeError.from(thrown), log);
  }
}

function assertEditable(uri: vscode.Uri): void {
  if (!vscode.workspace.isTrusted)
    throw new LoupeError('refused', 'Editing writes files, so it waits until this workspace is trusted.');
  if (uri.scheme !== 'file' || !/\.gguf$/i.test(uri.fsPath))
    throw new LoupeError('unsupported', 'Only the metadata of a GGUF file on disk can be edited.', {
      file: uri.fsPath,
    });
}

function announce({ changes, inPlace, output, dataSha256 }: EditMetadataReport): void {
  const count = changes.length === 1 ? 'One key was' : `${changes.length} keys were`;
  const how = inPlace
    ? 'in place; the data did not move.'
    : `and the file written anew; its data are unchanged (SHA-256 ${dataSha256?.slice(0, 12)}…).`;
  void vscode.window.showInformationMessage(`${path.basename(output)}: ${count} written ${how}`);
}

/** The list of keys, until the changes are to be written; undefined when left. */
async function askEdits(
  engine: EngineClient,
  file: string,
  catalogue: Catalogue,
): Promise<readonly MetadataEdit[] | undefined> {
  const title = `Metadata of ${path.basename(file)}`;
  const edits = new Map<string, MetadataEdit>();
  for (;;) {
    const answer = await pick<Step>(
      { title, step: 1, totalSteps: 1, placeholder: 'Choose a key to change it; nothing is written yet' },
      listItems(engine, file, catalogue, edits),
    );
    if (answer.kind !== 'value') return undefined;
    const step = answer.value;
    if (step.kind === 'write') return [...edits.values()];
    if (step.kind === 'add') {
      const edit = await askNewKey(catalogue, edits);
      if (edit) edits.set(edit.key, edit);
    } else if ((await changeKey(file, step.entry, catalogue, edits)) === 'left') return undefined;
  }
}

async function listItems(
  engine: EngineClient,
  file: string,
  { metadata }: Catalogue,
  edits: ReadonlyMap<string, MetadataEdit>,
): Promise<Choice<Step>[]> {
  const items: Choice<Step>[] = [];
  if (edits.size > 0) {
    const plan = await engine.call('editMetadata', {
      ...{ path: file, edits: [...edits.values()], overwrite: false, dryRun: true },
    });
    items.push({
      value: { kind: 'write' },
      label: `$(check) Write ${edits.size === 1 ? 'the change' : `${edits.size} changes`}`,
      detail: plan.inPlace
        ? 'In place: the header stays as long as it is, and the data do not move'
        : `Written anew beside, its data compared, and renamed: needs ${binarySize(plan.bytes)}`,
    });
  }
  items.push({ value: { kind: 'add' }, label: '$(add) Add a key...' });
  const keys = new Set(metadata.map(({ key }) => key));
  const line = (entry: MetadataEntry, description: string): Choice<Step> => ({
    ...{ value: { kind: 'key', entry }, label: entry.key, description },
  });
  const changed = metadata.flatMap((entry) => {
    const edit = edits.get(entry.key);
    return edit ? [line(entry, pendingText(edit))] : [];
  });
  for (const edit of edits.values()) {
    if (keys.has(edit.key) || 'remove' in edit) continue;
    const entry: MetadataEntry = { key: edit.key, type: edit.type ?? 'string', value: edit.text };
    changed.push(line(entry, `${pendingText(edit)} (new)`));
  }
  // A file has dozens of keys: what was changed would be out of sight among them.
  if (changed.length > 0) items.push(head('Changed, not written yet'), ...changed, head('As in the file'));
  for (const entry of metadata)
    if (!edits.has(entry.key)) items.push(line(entry, `${entry.type} \u00b7 ${shortValue(entry)}`));
  return items;
}

/** Above a group of lines; never chosen. */
const head = (label: string): Choice<Step> => ({
  ...{ label, kind: vscode.QuickPickItemKind.Separator, value: { kind: 'add' } },
});

function pendingText(edit: MetadataEdit): string {
  return 'remove' in edit
    ? '$(trash) will be removed'
    : `$(edit) ${shortValue({ type: 'string', value: edit.text })}`;
}

/** Asks what is to be done with a key. 'left': the list is left too, for a document. */
async function changeKey(
  file: string,
  entry: MetadataEntry,
  { metadata }: Catalogue,
  edits: Map<string, MetadataEdit>,
): Promise<'left' | undefined> {
  const { key, type, value } = entry;
  const pending = edits.get(key);
  const isRemoved = (name: string) => 'remove' in (edits.get(name) ?? {});
  const tokenizerKeys = metadata.filter((each) => /^tokenizer\./.test(each.key) && !isRemoved(each.key));
  const isArray = type.startsWith('[');
  const items: Choice<Change>[] = [
    ...(isArray ? [] : [{ value: 'value' as const, label: 'Change the value...', description: type }]),
    ...(type === 'string' && typeof value === 'string' && edits.size === 0
      ? [
          {
            value: 'document' as const,
            label: 'Edit in a text editor',
            detail: 'Saving writes it into the file',
          },
        ]
      : []),
    ...(pending
      ? [{ value: 'undo' as const, label: 'Leave it as it is in the file' }]
      : [{ value: 'remove' as const, label: 'Remove the key' }]),
    ...(key.startsWith('tokenizer.') && tokenizerKeys.length > 1
      ? [
          {
            value: 'strip' as const,
            label: `Remove the whole tokenizer (${tokenizerKeys.length} keys)`,
            detail: 'For weights that are used with a tokenizer of another file',
          },
        ]
      : []),
  ];
  const placeholder = isArray
    ? 'Arrays are changed on the command line (edit-metadata --set)'
    : shortValue(entry);
  const answer = await pick<Change>({ title: key, step: 2, totalSteps: 2, placeholder }, items);
  if (answer.kind !== 'value') return answer.kind === 'escape' ? 'left' : undefined;
  if (answer.value === 'undo') edits.delete(key);
  else if (answer.value === 'remove') edits.set(key, { key, remove: true });
  else if (answer.value === 'strip')
    for (const each of tokenizerKeys) edits.set(each.key, { key: each.key, remove: true });
  else if (answer.value === 'document') {
    await vscode.window.showTextDocument(metadataUri(file, key), { preview: false });
    return 'left';
  } else {
    const old = pending && !('remove' in pending) ? pending.text : valueText(entry);
    const text = await askValue(key, type, old);
    if (text !== undefined) edits.set(key, { key, type, text });
  }
  return undefined;
}

async function askNewKey(
  { metadata }: Catalogue,
  edits: ReadonlyMap<string, MetadataEdit>,
): Promise<MetadataEdit | undefined> {
  const taken = new Set([...metadata.map((entry) => entry.key), ...edits.keys()]);
  const key = await vscode.window.showInputBox({
    title: 'Add a key',
    prompt: 'Its name, such as general.description',
    ignoreFocusOut: true,
    validateInput: (text) =>
      text === '' ? 'A key needs a name.' : taken.has(text) ? 'There is such a key already.' : undefined,
  });
  if (key === undefined) return undefined;
  const answer = await pick<string>(
    { title: key, step: 2, totalSteps: 2, placeholder: 'Type of its value' },
    newTypes.map((type) => ({ value: type, label: type })),
  );
  if (answer.kind !== 'value') return undefined;
  const text = await askValue(key, answer.value, '');
  return text === undefined ? undefined : { key, type: answer.value, text };
}

async function askValue(key: string, type: string, old: string): Promise<string | undefined> {
  if (type === 'bool') {
    const answer = await pick<string>(
      { title: key, step: 2, totalSteps: 2, placeholder: `Now ${old || 'nothing'}`, active: old },
      ['true', 'false'].map((value) => ({ value, label: value })),
    );
    return answer.kind === 'value' ? answer.value : undefined;
  }
  return vscode.window.showInputBox({
    ...{ title: key, value: old, ignoreFocusOut: true },
    prompt: type === 'string' ? 'A text on one line' : `A number (${type})`,
    validateInput: (text) => problemOf(type, text),
  });
}

/** Why a text is no value of a type, as far as can be told here; the engine checks ranges exactly. */
function problemOf(type: string, text: string): string | undefined {
  if (type === 'string') return undefined;
  if (/^[ui]\d+$/.test(type))
    return /^\s*[+-]?\d{1,20}\s*$/.test(text) ? rangeProblem(type, text) : `${type} is an integer.`;
  return text.trim() !== '' && Number.isFinite(Number(text)) ? undefined : `${type} is a number.`;
}

function rangeProblem(type: string, text: string): string | undefined {
  const bits = BigInt(type.slice(1));
  const isSigned = type.startsWith('i');
  const least = isSigned ? -(2n ** (bits - 1n)) : 0n;
  const most = isSigned ? 2n ** (bits - 1n) - 1n : 2n ** bits - 1n;
  const value = BigInt(text.trim());
  return value < least || value > most ? `${type} goes from ${least} to ${most}.` : undefined;
}
