/** Finds the model that a call, an assignment or a key names in Python, JavaScript, TypeScript and JSON. Pure. */
import type { Runtime } from '../estimate/types';
import {
  type Argument,
  argumentsIn,
  assignedBefore,
  callAt,
  type Enclosing,
  enclosingAt,
  flattened,
  methodsAfter,
  spreadArguments,
} from './callArguments';
import type { CodeToken } from './codeTokens';
import { wordsMention } from './commandMention';
import { dtypeWord, isLoadWord, type LoadWords, noWords, readWord } from './loadWords';
import type { ModelMention } from './modelMention';
import { interpolated, isModelPlace } from './namedPlaces';

interface ModelCall {
  /** Place of the model among arguments without a name. */
  readonly position?: number;
  readonly names: readonly string[];
  /** The same of a file in the repository. */
  readonly filePosition?: number;
  readonly fileNames?: readonly string[];
  readonly runtime?: Runtime;
  /** Where the names are Ollama's. */
  readonly kind?: 'ollama';
}

const transformersNames = [
  'pretrained_model_name_or_path',
  'model_name',
  'model_name_or_path',
  'repo_id',
  'model_id',
];

const ollamaCall: ModelCall = { position: 0, names: ['model'], runtime: 'llama.cpp', kind: 'ollama' };

/** By the last part of the called name. */
const modelCalls: ReadonlyMap<string, ModelCall> = new Map<string, ModelCall>([
  ['from_pretrained', { position: 0, names: transformersNames, fileNames: ['gguf_file', 'filename'] }],
  ['from_quantized', { position: 0, names: [...transformersNames, 'quant_path'] }],
  ['snapshot_download', { position: 0, names: ['repo_id'] }],
  ['hf_hub_download', { position: 0, names: ['repo_id'], filePosition: 1, fileNames: ['filename'] }],
  ['pipeline', { position: 1, names: ['model'] }],
  ['LLM', { position: 0, names: ['model'], runtime: 'vllm' }],
  ['EngineArgs', { position: 0, names: ['model'], runtime: 'vllm' }],
  ['AsyncEngineArgs', { position: 0, names: ['model'], runtime: 'vllm' }],
  ['Llama', { position: 0, names: ['model_path'], runtime: 'llama.cpp' }],
  ['SentenceTransformer', { position: 0, names: ['model_name_or_path'] }],
  ['CrossEncoder', { position: 0, names: ['model_name_or_path', 'model_name'] }],
  ['snapshotDownload', { names: ['repo'] }],
  ...['ChatOllama', 'OllamaLLM', 'OllamaEmbeddings', 'OllamaFunctions', 'Ollama'].map(
    (name): [string, ModelCall] => [name, ollamaCall],
  ),
]);

/** PeftModel.from_pretrained(base, "org/adapter"). */
const adapterCall: ModelCall = { position: 1, names: ['model_id'] };

function knownCall({ callee, calleePath }: Enclosing): ModelCall | undefined {
  if (callee === undefined) return undefined;
  if (/^ollama\.(chat|generate|embed|embeddings|pull|show|create)$/.test(calleePath ?? '')) return ollamaCall;
  if (/(^|\.)(Auto)?Peft\w*\.from_pretrained$/.test(calleePath ?? ''))
    return calleePath!.includes('AutoPeft') ? modelCalls.get(callee) : adapterCall;
  return modelCalls.get(callee);
}

const longestName = 512;

/** The mention at a token, or undefined where it is no string and no variable that stands for a model. */
export function codeMention(tokens: readonly CodeToken[], index: number): ModelMention | undefined {
  const token = tokens[index]!;
  if (token.kind === 'mark' || token.text.length > longestName) return undefined;
  const around = enclosingAt(tokens, index);
  const call = around.find(({ bracket }) => bracket === '(');
  const known = call && knownCall(call);
  const isOther = call !== undefined && namesOtherThings(tokens, argumentsIn(tokens, call));
  if (call && known && !isOther) {
    const inCall = mentionInCall(tokens, index, call, known);
    if (inCall) return inCall;
  }
  if (token.kind !== 'string' || token.text.trim() === '' || token.text.includes('{')) return undefined;
  const inList = around[0]?.bracket === '[' ? listMention(tokens, index, around[0]) : undefined;
  if (inList && inList.kind !== 'path') return inList;
  const place = { text: token.text, line: token.line, start: token.start, end: token.end };
  // A key's siblings say how it is loaded; so do the other arguments of a call that is not known.
  const scope = around[0];
  const load = noWords();
  if (scope) readArguments(tokens, flattened(tokens, argumentsIn(tokens, scope)), scope.open, load);
  return { ...place, kind: !isOther && isModelPlace(tokens, index, around) ? 'perhaps' : 'path', load };
}

function mentionInCall(
  tokens: readonly CodeToken[],
  index: number,
  call: Enclosing,
  known: ModelCall,
): ModelMention | undefined {
  const own = argumentsIn(tokens, call);
  const given = [...flattened(tokens, own), ...spreadArguments(tokens, own, call.open)];
  const find = (names: readonly string[] | undefined, position: number | undefined) =>
    given.find(({ name }) => name !== undefined && names?.includes(name)) ??
    given.find((argument) => position !== undefined && argument.position === position);
  const model = find(known.names, known.position);
  const file = find(known.fileNames, known.filePosition);
  const at = [model, file].find((argument) => argument?.first === index && argument.end === index + 1);
  const text = model && textAt(tokens, model, call.open);
  if (!at || text === undefined || text.length > longestName) return undefined;
  const { line, start, end } = tokens[index]!;
  const load = noWords();
  const isLlama = call.calleePath === 'Llama.from_pretrained';
  const runtime = isLlama ? 'llama.cpp' : known.runtime;
  if (runtime) load.setting.runtime = runtime;
  load.isFloat32ByDefault = isModelOfTransformers(call.calleePath ?? '');
  readArguments(tokens, given, call.open, load);
  // Unsloth quantizes into NF4 and loads half precision.
  if (/^Fast\w*Model\./.test(call.calleePath ?? '')) {
    load.isFloat32ByDefault = false;
    if (load.setting.quantization === 'fp4') load.setting.quantization = 'nf4';
  }
  for (const method of methodsAfter(tokens, call.close)) {
    const dtype = methodDtype(tokens, method);
    if (dtype) load.setting.dtype = dtype;
  }
  const fileText = file && textAt(tokens, file, call.open);
  if (fileText !== undefined) load.file = fileText;
  return { text, kind: known.kind ?? 'model', line, start, end, load };
}

/** repo_type="dataset" */
const namesOtherThings = (tokens: readonly CodeToken[], given: readonly Argument[]): boolean =>
  given.some(({ name, first }) => name === 'repo_type' && /^(dataset|space)$/.test(tokens[first]!.text));

/** What `.half()`, `.bfloat16()`, `.to(torch.float16)` and `.to("cuda", dtype=torch.float16)` make of floats. */
function methodDtype(
  tokens: readonly CodeToken[],
  method: Enclosing,
): ReturnType<typeof dtypeWord> | undefined {
  const { callee } = method;
  if (callee !== undefined && /^(half|bfloat16|float)$/.test(callee)) return dtypeWord(callee);
  if (callee !== 'to') return undefined;
  for (const { name, first, end } of argumentsIn(tokens, method)) {
    const token = tokens[first]!;
    const isWord = end === first + 1 && token.kind === 'word' && token.text.includes('.');
    if (isWord && (name === undefined || name === 'dtype')) return dtypeWord(token.text);
  }
  return undefined;
}

/** Loads weights through transformers; tokenizers and configurations have none. */
const isModelOfTransformers = (path: string): boolean =>
  path === 'pipeline' ||
  /^(?!.*(?:Tokenizer|Processor|Config|Extractor|Pipeline|Llama\.))[\w.]+\.from_pretrained$/.test(path);

/** The text that an argument stands for: a string, or a variable to which one was assigned above. */
function textAt(tokens: readonly CodeToken[], { first, end }: Argument, before: number): string | undefined {
  const token = tokens[first];
  if (end !== first + 1 || !token) return undefined;
  if (token.kind === 'string') return interpolated(tokens, token.text, before);
  const assigned = assignedBefore(tokens, token.text, before);
  const value = assigned === undefined ? undefined : tokens[assigned];
  return value?.kind === 'string' && isWhole(tokens, assigned!)
    ? interpolated(tokens, value.text, assigned!)
    : undefined;
}

/** Whether the expression at an index is one token: the next one stands in another line, or ends it. */
function isWhole(tokens: readonly CodeToken[], index: number): boolean {
  const next = tokens[index + 1];
  return !next || next.line !== tokens[index]!.line || /^[;,)]$/.test(next.text);
}

/** Takes in all arguments that say how to load. */
function readArguments(
  tokens: readonly CodeToken[],
  given: readonly Argument[],
  before: number,
  load: LoadWords,
): void {
  for (const argument of given) {
    const { name, first, end } = argument;
    if (name === undefined) continue;
    if (name === 'quantization_config') readQuantizationConfig(tokens, argument, before, load);
    else if (isLoadWord(name)) {
      const value = wordAt(tokens, first, end, before);
      if (value !== undefined) readWord(load, name, value);
      else if (name !== 'device_map' && name !== 'revision') load.unread.push(name);
    }
  }
}

/** A string, a name or a number, perhaps negative; of a variable what was assigned to it. */
function wordAt(
  tokens: readonly CodeToken[],
  first: number,
  end: number,
  before: number,
): string | undefined {
  const token = tokens[first]!;
  if (end === first + 2 && token.text === '-') return `-${tokens[first + 1]!.text}`;
  if (end !== first + 1 || token.kind === 'mark') return undefined;
  if (
    token.kind === 'string' ||
    token.text.includes('.') ||
    /^(True|False|true|false|\d.*)$/.test(token.text)
  )
    return token.text;
  const assigned = assignedBefore(tokens, token.text, before);
  if (assigned === undefined) return undefined;
  return isWhole(tokens, assigned) && tokens[assigned]!.kind !== 'mark' ? tokens[assigned]!.text : undefined;
}

/** A BitsAndBytesConfig, given where it is needed or assigned to a variable above. */
function readQuantizationConfig(
  tokens: readonly CodeToken[],
  { name, first, end }: Argument,
  before: number,
  load: LoadWords,
): void {
  const isVariable = end === first + 1 && tokens[first]!.kind === 'word';
  if (isVariable && tokens[first]!.text === 'None') return;
  const at = isVariable ? assignedBefore(tokens, tokens[first]!.text, before) : first;
  const call = at === undefined ? undefined : callAt(tokens, at);
  if (call?.callee !== 'BitsAndBytesConfig') {
    load.unread.push(call?.callee ?? name!);
    return;
  }
  const inner = noWords();
  readArguments(tokens, argumentsIn(tokens, call), call.open, inner);
  const { quantization, doubleQuant } = inner.setting;
  Object.assign(load.setting, { quantization, ...(doubleQuant === undefined ? {} : { doubleQuant }) });
}

/** A command as a list of strings: ["vllm", "serve", "org/name"]. */
function listMention(
  tokens: readonly CodeToken[],
  index: number,
  { open, close }: Enclosing,
): ModelMention | undefined {
  const strings = tokens.slice(open + 1, close).filter(({ kind }) => kind === 'string');
  const at = strings.indexOf(tokens[index]!);
  return wordsMention(strings, at, tokens[index]!.start);
}
