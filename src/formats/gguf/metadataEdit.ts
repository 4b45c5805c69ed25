/** A change of a GGUF file's metadata, as a plain value that crosses processes. */

/** A key that gets a value, or goes. */
export type MetadataEdit =
  | {
      readonly key: string;
      /** "u32", "[string]" ...; undefined: the type that the key has already, or string. */
      readonly type?: string | undefined;
      /** As people type it; see valueText.ts. */
      readonly text: string;
    }
  /** A key that ends in "*" stands for all that begin so; those that another edit names are left to that. */
  | { readonly key: string; readonly remove: true };
