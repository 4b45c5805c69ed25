/** Reads and writes recipes as `*.loupe.json` files. A file is untrusted: every member is checked, unknown ones are refused. */
import { LoupeError } from '../errors';
import { defaultGranularity, resolveChoice } from './choice';
import { isGgufRecipe } from './gguf/ggufRecipe';
import { compilePattern } from './namePattern';
import { keepKinds } from './quantizationPolicy';
import {
  leastShardBytes,
  type Recipe,
  type RecipeChoice,
  type RecipeMatrix,
  type RecipeRule,
} from './recipe';
import { choiceFields, fieldFault } from './recipeFields';
import { schemeNamed } from './schemes';
import type { SchemeChoice } from './types';

/** Bytes (UTF-16 units) of a recipe's text at most. */
export const mostRecipeCharacters = 2 ** 20;
export const mostRules = 1000;
const mostText = 1000;

/** Where in the JSON value something is wrong, and what. */
export interface RecipeProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** A recipe, or everything that speaks against reading the text as one. */
export type RecipeReading =
  | { readonly recipe: Recipe; readonly problems: readonly [] }
  | { readonly recipe: undefined; readonly problems: readonly RecipeProblem[] };

/** The recipe of a file's text. Throws `malformed` that names the file, the place and the first problem. */
export function parseRecipe(text: string, file?: string): Recipe {
  const { recipe, problems } = readRecipe(text);
  if (recipe) return recipe;
  const [{ path, message }] = problems as readonly [RecipeProblem];
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  throw new LoupeError('malformed', `The recipe cannot be used: ${placeText(path)}${message}${more}`, {
    file,
  });
}

/** A recipe that came as a value: over a process border or from a caller. Throws `malformed` as `parseRecipe` does. */
export function checkedRecipe(value: unknown): Recipe {
  return parseRecipe(JSON.stringify(value) ?? 'null');
}

/** Reads as far as it makes sense, so that an editor can show every problem. */
export function readRecipe(text: string): RecipeReading {
  const wrong = (message: string): RecipeReading => ({
    recipe: undefined,
    problems: [{ path: [], message }],
  });
  if (text.length > mostRecipeCharacters) {
    return wrong(`It has ${text.length} characters; ${mostRecipeCharacters} is the most.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (thrown) {
    return wrong(`It is no JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}.`);
  }
  const reader = new RecipeReader();
  const recipe = reader.recipe(value);
  return recipe && reader.problems.length === 0
    ? { recipe, problems: [] }
    : { recipe: undefined, problems: reader.problems };
}

/** The file's text: members in a fixed order, two spaces, a last line end; reading it gives an equal recipe. */
export function recipeText(recipe: Recipe): string {
  const { version, name, model, imatrix, keep, maxShardBytes, rules } = recipe;
  const ordered = {
    version,
    name,
    model,
    imatrix,
    default: orderedChoice(recipe.default),
    keep,
    maxShardBytes,
    rules: rules.map(({ match, choice, note }) => ({ match, choice: orderedChoice(choice), note })),
  };
  return `${JSON.stringify(ordered, undefined, 2)}\n`;
}

/** "rules[2].choice.blockSize: ", or nothing for the whole file. */
export function placeText(path: readonly (string | number)[]): string {
  if (path.length === 0) return '';
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return `${text.replace(/^\./, '')}: `;
}

const fieldNames = Object.keys(choiceFields) as readonly (keyof SchemeChoice)[];

function orderedChoice(choice: RecipeChoice): RecipeChoice {
  if (choice === 'keep') return choice;
  const given = fieldNames.filter((name) => choice[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, choice[name]])) as unknown as SchemeChoice;
}

/** Nothing that leads to another drive or host. */
const relativePath = /^(?!\/)[^\\:\0]+$/;

const isShardSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= leastShardBytes;

type Path = readonly (string | number)[];
type Members = Readonly<Record<string, unknown>>;

class RecipeReader {
  readonly problems: RecipeProblem[] = [];

  recipe(value: unknown): Recipe | undefined {
    const known = [
      ...['$schema', 'version', 'name', 'model', 'imatrix', 'default', 'keep', 'maxShardBytes', 'rules'],
    ];
    const members = this.members(value, [], known);
    if (!members) return undefined;
    if (members.version !== 1) this.add(['version'], 'The version must be 1.', members);
    const name = this.text(members, 'name', []);
    const model = this.text(members, 'model', []);
    if (model !== undefined && !relativePath.test(model)) {
      this.add(['model'], "The model is a path relative to the recipe's folder, with forward slashes.");
    }
    const imatrix = this.matrix(members.imatrix);
    this.text(members, '$schema', []);
    const fallback = this.choice(members.default, ['default'], members);
    const rules = this.rules(members.rules);
    const keep = this.keep(members.keep);
    const { maxShardBytes } = members;
    if (maxShardBytes !== undefined && !isShardSize(maxShardBytes))
      this.add(['maxShardBytes'], `This must be a whole number of at least ${leastShardBytes} bytes.`);
    if (!fallback) return undefined;
    if (imatrix && !isGgufRecipe({ version: 1, default: fallback, rules }))
      this.add(['imatrix'], "Only ggml's types weigh errors, and no choice of this recipe is one of them.");
    return {
      version: 1,
      ...(name === undefined ? {} : { name }),
      ...(model === undefined ? {} : { model }),
      ...(imatrix === undefined ? {} : { imatrix }),
      default: fallback,
      rules,
      ...(keep === undefined ? {} : { keep }),
      ...(isShardSize(maxShardBytes) ? { maxShardBytes } : {}),
    };
  }

  /** A missing member's problem is its parent's: there is no place for it. */
  private add(path: Path, message: string, parent?: Members): void {
    const isMissing = parent && !Object.hasOwn(parent, path.at(-1)!);
    this.problems.push({ path: isMissing ? path.slice(0, -1) : path, message });
  }

  private members(value: unknown, path: Path, known: readonly string[]): Members | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.add(path, 'An object is expected here.');
      return undefined;
    }
    for (const name of Object.keys(value)) {
      if (!known.includes(name)) {
        this.add([...path, name], `There is no member ${JSON.stringify(name)}. Known: ${known.join(', ')}.`);
      }
    }
    return value as Members;
  }

  private text(members: Members, name: string, path: Path): string | undefined {
    const value = members[name];
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value.length <= mostText) return value;
    this.add([...path, name], `This must be a text of at most ${mostText} characters.`);
    return undefined;
  }

  private matrix(value: unknown): RecipeMatrix | undefined {
    if (value === undefined) return undefined;
    const members = this.members(value, ['imatrix'], ['file', 'sha256']);
    if (!members) return undefined;
    const file = this.text(members, 'file', ['imatrix']);
    const sha256 = this.text(members, 'sha256', ['imatrix']);
    if (file === undefined) {
      if (members.file === undefined) this.add(['imatrix'], 'An importance matrix needs its file.');
      return undefined;
    }
    if (!relativePath.test(file))
      this.add(
        ['imatrix', 'file'],
        "The importance matrix is a path relative to the recipe's folder, with forward slashes.",
      );
    if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256))
      this.add(['imatrix', 'sha256'], 'A SHA-256 has 64 digits of 0 to 9 and a to f.');
    return { file, ...(sha256 === undefined ? {} : { sha256 }) };
  }

  private rules(value: unknown): readonly RecipeRule[] {
    if (value === undefined) return [];
    if (!Array.isArray(value) || value.length > mostRules) {
      this.add(['rules'], `Rules are a list of at most ${mostRules}.`);
      return [];
    }
    return value.flatMap((item, index) => this.rule(item, ['rules', index]) ?? []);
  }

  private rule(value: unknown, path: Path): RecipeRule | undefined {
    const members = this.members(value, path, ['match', 'choice', 'note']);
    if (!members) return undefined;
    const { match } = members;
    const choice = this.choice(members.choice, [...path, 'choice'], members);
    const note = this.text(members, 'note', path);
    if (typeof match !== 'string') {
      this.add([...path, 'match'], 'A rule needs the pattern of the names that it is for.', members);
      return undefined;
    }
    this.checked([...path, 'match'], () => compilePattern(match));
    return choice && { match, choice, ...(note === undefined ? {} : { note }) };
  }

  private choice(value: unknown, path: Path, parent: Members): RecipeChoice | undefined {
    if (value === 'keep') return value;
    if (typeof value !== 'object' || value === null) {
      this.add(path, 'A choice is "keep", or an object with a scheme.', parent);
      return undefined;
    }
    const members = this.members(value, path, fieldNames);
    if (!members) return undefined;
    const before = this.problems.length;
    if (members.scheme === undefined) this.add(path, 'A choice needs a scheme.');
    for (const name of fieldNames) {
      if (!Object.hasOwn(members, name)) continue;
      const fault = fieldFault(choiceFields[name], members[name]);
      if (fault !== undefined) this.add([...path, name], `"${name}" ${fault}.`);
    }
    if (this.problems.length > before) return undefined;
    const given = members as Partial<SchemeChoice> & Pick<SchemeChoice, 'scheme'>;
    const choice = {
      ...given,
      granularity:
        given.granularity ??
        (given.blockSize === undefined ? defaultGranularity(schemeNamed(given.scheme)) : 'block'),
    };
    return this.checked(path, () => resolveChoice(choice)) ? choice : undefined;
  }

  private keep(value: unknown): Recipe['keep'] {
    if (value === undefined) return undefined;
    const known = keepKinds.map(({ kind }) => kind);
    if (!Array.isArray(value) || value.length > known.length) {
      this.add(['keep'], `What is kept is a list of ${known.join(', ')}.`);
      return undefined;
    }
    for (const [index, kind] of value.entries()) {
      if (!known.includes(kind)) {
        this.add(['keep', index], `There is no kind of this name. Known: ${known.join(', ')}.`);
      } else if (value.indexOf(kind) < index) this.add(['keep', index], 'This kind is named twice.');
    }
    return value;
  }

  /** Whether something passes; what it throws becomes a problem. */
  private checked(path: Path, check: () => unknown): boolean {
    try {
      check();
      return true;
    } catch (thrown) {
      this.add(path, LoupeError.from(thrown).message);
      return false;
    }
  }
}
