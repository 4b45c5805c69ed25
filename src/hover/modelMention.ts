/** A place in a text that names a model, and how it is loaded there. */
import type { LoadWords } from './loadWords';

export interface ModelMention {
  /** As it is written, or as the variable's assignment has it. */
  readonly text: string;
  /**
   * What the place says about the name. `model`: something here takes models by name, so that a bare one is the Hub's.
   * `perhaps`: org/name is taken for the Hub's. `path`: only a file or folder, or an address that says hf. `ollama`: Ollama's.
   */
  readonly kind: 'model' | 'perhaps' | 'path' | 'ollama';
  readonly line: number;
  /** Columns, half-open. */
  readonly start: number;
  readonly end: number;
  readonly load: LoadWords;
}
