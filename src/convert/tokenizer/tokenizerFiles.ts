/** What lies beside a model's weights and tells how text becomes tokens, parsed but not yet believed. */

export type JsonObject = Readonly<Record<string, unknown>>;

export interface ChatTemplate {
  readonly name: string;
  readonly template: string;
}

export interface TokenizerFiles {
  /** config.json. */
  readonly config: JsonObject;
  readonly tokenizerJson?: JsonObject | undefined;
  readonly tokenizerConfig?: JsonObject | undefined;
  /** added_tokens.json. */
  readonly addedTokens?: JsonObject | undefined;
  /** tokenizer.model, as sentencepiece writes it. */
  readonly sentencePiece?: Uint8Array | undefined;
  /** chat_template.jinja. */
  readonly chatTemplate?: string | undefined;
  /** Those of the folder additional_chat_templates, by their names. */
  readonly additionalTemplates?: readonly ChatTemplate[] | undefined;
  /** chat_template.json, which came before. */
  readonly chatTemplateJson?: JsonObject | undefined;
  /** How the module that modules.json names makes one vector of a text's many (sentence-transformers). */
  readonly pooling?: JsonObject | undefined;
  /** Whole path of tokenizer.model, for messages. */
  readonly sentencePiecePath?: string | undefined;
}
