/** The template of a chat, as it lies beside a model. */
import { asRecord } from '../../formats/jsonSidecar';
import { MetadataList } from '../metadataList';
import type { TokenizerFiles } from './tokenizerFiles';

/**
 * Under "tokenizer": one template, or several with names. Those of tokenizer_config.json go first, then chat_template.jinja with the
 * others beside it, then chat_template.json: the order of llama.cpp's converter (gguf-py, vocab.py).
 */
export function chatTemplateMetadata(files: TokenizerFiles): MetadataList {
  const list = new MetadataList('tokenizer');
  const stated =
    files.tokenizerConfig?.chat_template ?? besides(files) ?? files.chatTemplateJson?.chat_template;
  if (typeof stated === 'string') list.text('chat_template', stated);
  if (!Array.isArray(stated)) return list;
  const named = stated.flatMap((entry) => {
    const { name, template } = asRecord(entry) ?? {};
    return typeof name === 'string' && typeof template === 'string' ? [{ name, template }] : [];
  });
  const others = named.filter(({ name }) => name !== 'default');
  if (others.length > 0)
    list.list(
      'string',
      'chat_templates',
      others.map(({ name }) => plainName(name)),
    );
  for (const { name, template } of others) list.text(`chat_template.${plainName(name)}`, template);
  list.text('chat_template', named.find(({ name }) => name === 'default')?.template);
  return list;
}

/** What chat_template.jinja and the templates beside it say, in the form of tokenizer_config.json. */
function besides({ chatTemplate, additionalTemplates }: TokenizerFiles): unknown {
  if (chatTemplate === undefined || !additionalTemplates || additionalTemplates.length === 0)
    return chatTemplate;
  return [{ name: 'default', template: chatTemplate }, ...additionalTemplates];
}

/** A key's part has lower-case letters, digits and underscores only. */
const plainName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9_]/g, '_');
