/** Patterns over names of tensors, as recipes and GGUF options have them: globs, or expressions between slashes. */

/** What has a meaning in an expression. */
export const specialCharacters = /[\\^$.*+?()[\]{}|/]/g;

/** A pattern that means this one name. */
export function exactPattern(name: string): string {
  return /[*?]/.test(name) || name.startsWith('/') ? `/^${name.replace(specialCharacters, '\\$&')}$/` : name;
}
