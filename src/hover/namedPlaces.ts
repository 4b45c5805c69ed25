/** Places in code that say by their names that a string is a model: options with defaults, objects and lists of models. Pure. */
import { type Argument, argumentsIn, assignedBefore, type Enclosing } from './callArguments';
import type { CodeToken } from './codeTokens';
import { isModelKey } from './modelReference';

/** The name to which the token at an index is given: of a variable, an argument or a key. */
function nameBefore(tokens: readonly CodeToken[], index: number): string | undefined {
  const mark = tokens[index - 1];
  const name = tokens[index - 2];
  if (mark?.kind !== 'mark' || name === undefined || name.kind === 'mark') return undefined;
  if (mark.text === ':') return name.text;
  if (mark.text !== '=') return undefined;
  // MODEL: str = "..." has its type between.
  const isTyped = tokens[index - 3]?.kind === 'mark' && tokens[index - 3]!.text === ':';
  return isTyped ? tokens[index - 4]?.text : name.text;
}

const lastPart = (name: string): string => name.split('.').at(-1)!;
const isModelName = (name: string | undefined): boolean => name !== undefined && isModelKey(lastPart(name));
/** MODELS, "base_models". */
const isModelsName = (name: string | undefined): boolean =>
  name !== undefined && /s$/i.test(name) && isModelName(name.slice(0, -1));
/** Names that say something only beside what says that all of it is about a model. */
const partOfModel = /^(name|id|path|repo|hf_id|hf_repo|checkpoint|source|uri)$/i;

/**
 * Whether what a token is given to holds models: `model_id = "..."`, `{ "model": { "name": "..." } }`, `MODELS = ["...", "..."]`,
 * `add_argument("--model", default="...")`, `os.environ.get("MODEL_ID", "...")`, `model: str = field(default="...")`.
 */
export function isModelPlace(
  tokens: readonly CodeToken[],
  index: number,
  around: readonly Enclosing[],
): boolean {
  const name = nameBefore(tokens, index);
  if (isModelName(name) || isModelName(alternativeOf(tokens, index))) return true;
  const [inner] = around;
  if (!inner) return false;
  const outer = nameBefore(tokens, calleeStart(tokens, inner));
  if (inner.bracket === '[') return isModelsName(outer);
  if (inner.bracket === '{')
    return isModelsName(outer) || (isModelName(outer) && partOfModel.test(name ?? ''));
  return isOptionsDefault(tokens, index, inner, outer);
}

/** The name to which an alternative is given in the same line: `MODEL = env.MODEL ?? "..."`, `or "..."`, `|| "..."`. */
function alternativeOf(tokens: readonly CodeToken[], index: number): string | undefined {
  const [before, second] = [tokens[index - 1], tokens[index - 2]];
  const isOperator =
    before?.text === 'or' || (/^[?|]$/.test(before?.text ?? '') && second?.text === before?.text);
  if (!isOperator) return undefined;
  for (let at = index - 1; at > 0 && tokens[at]!.line === tokens[index]!.line; at--)
    if (tokens[at]!.kind === 'mark' && tokens[at]!.text === '=') return nameBefore(tokens, at + 1);
  return undefined;
}

/** Where a call begins with its name, or a bracket. */
const calleeStart = (tokens: readonly CodeToken[], { open, callee }: Enclosing): number =>
  callee !== undefined && tokens[open - 1]?.kind === 'word' ? open - 1 : open;

/** The default of an option, a field or an environment variable. */
function isOptionsDefault(
  tokens: readonly CodeToken[],
  index: number,
  call: Enclosing,
  assignedTo: string | undefined,
): boolean {
  if (!defaulting.test(call.callee ?? '')) return false;
  const given = argumentsIn(tokens, call);
  const own = given.find(({ first, end }) => first === index && end === index + 1);
  if (!own || (own.name !== undefined && own.name !== 'default')) return false;
  if (isModelName(assignedTo) && (own.name === 'default' || own.position === 0)) return true;
  const flags = given.filter((other) => other.position >= 0 && other !== own);
  return (own.name === 'default' || own.position === 1) && flags.some((flag) => isModelFlag(tokens, flag));
}

const defaulting = /^(add_argument|option|Option|argument|Argument|field|Field|get|getenv)$/;

function isModelFlag(tokens: readonly CodeToken[], { first, end }: Argument): boolean {
  const token = tokens[first];
  if (end !== first + 1 || token?.kind !== 'string' || token.text.length > 64) return false;
  return isModelName(token.text.replace(/^-+/, '').replaceAll('-', '_'));
}

/** A string with the variables in it put in its place: f"{ORG}/model", `${org}/model`. Undefined where one is not known. */
export function interpolated(tokens: readonly CodeToken[], text: string, before: number): string | undefined {
  if (!text.includes('{')) return text;
  let isKnown = true;
  const whole = text.replace(/\$?\{([A-Za-z_][\w.]{0,64})\}/g, (_, name: string) => {
    const at = assignedBefore(tokens, name, before);
    const value = at === undefined ? undefined : tokens[at];
    if (value?.kind === 'string' && !value.text.includes('{')) return value.text;
    isKnown = false;
    return '';
  });
  return isKnown && !whole.includes('{') ? whole : undefined;
}
