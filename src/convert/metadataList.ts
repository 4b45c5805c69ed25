/** Collects the keys of a GGUF file in order. */
import type { GgufScalar, GgufScalarType, GgufValue } from '../formats/gguf/values';

export interface GgufMetadataEntry {
  readonly key: string;
  readonly value: GgufValue;
}

export class MetadataList {
  private readonly collected: GgufMetadataEntry[] = [];

  /** `prefix` stands before every key, with a dot. */
  constructor(private readonly prefix: string) {}

  get entries(): readonly GgufMetadataEntry[] {
    return this.collected;
  }

  /** Undefined values are left out. */
  set(type: GgufScalarType, key: string, value: GgufScalar | undefined): void {
    if (value !== undefined) this.collected.push({ key: `${this.prefix}.${key}`, value: { type, value } });
  }

  u32(key: string, value: number | undefined): void {
    this.set('u32', key, value);
  }

  f32(key: string, value: number | undefined): void {
    this.set('f32', key, value);
  }

  text(key: string, value: string | undefined): void {
    this.set('string', key, value);
  }

  flag(key: string, value: boolean | undefined): void {
    this.set('bool', key, value);
  }

  list(arrayOf: GgufScalarType, key: string, values: readonly GgufScalar[]): void {
    this.collected.push({ key: `${this.prefix}.${key}`, value: { arrayOf, values } });
  }
}
