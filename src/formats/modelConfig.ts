/** Typed looks into a config.json, which is as untrusted as any file. */
import { LoupeError } from '../errors';
import { asRecord } from './jsonSidecar';

/** No published model reaches this in any one figure; products of several stay within 2^53 or are refused. */
const largestFigure = 2 ** 31;

/** Reads figures by name. Messages name the field, so that whoever wrote the config finds it. */
export class ModelConfig {
  /** `place` is the path of a nested object, with a dot behind: "text_config.". */
  constructor(
    private readonly fields: Readonly<Record<string, unknown>>,
    private readonly place = '',
  ) {}

  /** The first of the names that is there and not null. */
  private value(names: string | readonly string[]): { name: string; value: unknown } | undefined {
    for (const name of typeof names === 'string' ? [names] : names) {
      const value = Object.hasOwn(this.fields, name) ? this.fields[name] : undefined;
      if (value !== undefined && value !== null) return { name, value };
    }
    return undefined;
  }

  /** Whether the field is there and not null. */
  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  /** Whether this is an object within a config. */
  get isNested(): boolean {
    return this.place !== '';
  }

  /** Whether the field is there, be it null. */
  states(name: string): boolean {
    return Object.hasOwn(this.fields, name);
  }

  /** A whole number of at least 0. Without a fallback a missing field throws `malformed`, as does any other value. */
  count(names: string | readonly string[], fallback?: number): number {
    const found = this.value(names);
    if (!found) {
      if (fallback !== undefined) return fallback;
      const name = typeof names === 'string' ? names : names[0]!;
      throw new LoupeError('malformed', `The config says nothing of "${this.place}${name}".`);
    }
    const { name, value } = found;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > largestFigure) {
      throw new LoupeError(
        'malformed',
        `"${this.place}${name}" should be a whole number from 0 to 2^31, and is ${brief(value)}.`,
      );
    }
    return value;
  }

  /** As `count`, where null or nothing means that the model has none of it. */
  optionalCount(names: string | readonly string[]): number | undefined {
    return this.value(names) ? this.count(names) : undefined;
  }

  /** A number of any kind. Without a fallback a missing field throws `malformed`, as does any other value. */
  number(names: string | readonly string[], fallback?: number): number {
    const found = this.value(names);
    if (!found) return this.count(names, fallback);
    if (typeof found.value === 'number' && Number.isFinite(found.value)) return found.value;
    throw new LoupeError(
      'malformed',
      `"${this.place}${found.name}" should be a number, and is ${brief(found.value)}.`,
    );
  }

  /** As `number`, where null or nothing means that the model has none of it. */
  optionalNumber(names: string | readonly string[]): number | undefined {
    return this.value(names) ? this.number(names) : undefined;
  }

  /** A list of numbers; undefined where there is none. */
  numbers(name: string): readonly number[] | undefined {
    const found = this.value(name)?.value;
    return Array.isArray(found) && found.every((entry) => typeof entry === 'number') ? found : undefined;
  }

  flag(names: string | readonly string[], fallback: boolean): boolean {
    const found = this.value(names);
    if (!found) return fallback;
    if (typeof found.value === 'boolean') return found.value;
    throw new LoupeError(
      'malformed',
      `"${this.place}${found.name}" should be true or false, and is ${brief(found.value)}.`,
    );
  }

  /** A text; undefined for anything else. */
  text(name: string): string | undefined {
    const found = this.value(name)?.value;
    return typeof found === 'string' ? found : undefined;
  }

  /** A list of texts; undefined for anything else. */
  texts(name: string): readonly string[] | undefined {
    const found = this.value(name)?.value;
    return Array.isArray(found) && found.every((entry) => typeof entry === 'string') ? found : undefined;
  }

  /** A list of whole numbers; undefined for anything else. */
  counts(name: string): readonly number[] | undefined {
    const found = this.value(name)?.value;
    return Array.isArray(found) && found.every((entry) => Number.isInteger(entry)) ? found : undefined;
  }

  /** A count if it is one; undefined for a list, a text or nothing. */
  countOf(name: string): number | undefined {
    return typeof this.value(name)?.value === 'number' ? this.count(name) : undefined;
  }

  /** A list of objects; undefined for anything else. */
  records(name: string): readonly Readonly<Record<string, unknown>>[] | undefined {
    const found = this.value(name)?.value;
    const records = Array.isArray(found) ? found.map(asRecord) : undefined;
    return records?.every((entry) => entry !== undefined)
      ? (records as Readonly<Record<string, unknown>>[])
      : undefined;
  }

  /** A nested object; an empty one where it is missing, so that defaults apply. */
  nested(name: string): ModelConfig {
    return new ModelConfig(asRecord(this.value(name)?.value) ?? {}, `${this.place}${name}.`);
  }

  /** The same with figures for what is missing: a family's defaults, which its configs leave out. */
  withDefaults(defaults: Readonly<Record<string, unknown>>): ModelConfig {
    return new ModelConfig({ ...defaults, ...this.fields }, this.place);
  }

  /** How many entries a nested object has, such as id2label. */
  entries(name: string): number | undefined {
    const found = asRecord(this.value(name)?.value);
    return found && Object.keys(found).length;
  }

  get modelType(): string | undefined {
    return this.text('model_type');
  }

  /** The class that transformers would make of it, such as LlamaForCausalLM. */
  get className(): string | undefined {
    return this.texts('architectures')?.[0];
  }
}

const brief = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 60);
