/** Untrusted text in Markdown, and links to commands. Pure. */

const longestName = 200;

/** Makes untrusted text inert in Markdown: no links, images, code, tables, HTML or icons. Long ones are cut. */
export function escapeMarkdown(text: string): string {
  const cut = text.length > longestName ? `${text.slice(0, longestName)}…` : text;
  return cut.replace(/[\\`*_{}[\]()#+\-.!|<>~$&:@]/g, '\\$&').replace(/\s+/g, ' ');
}

/** A column's heading over numbers. Hovers set cells without space between them, so it brings spaces that stay. */
export const heading = (text: string): string => '&nbsp;'.repeat(Math.max(2, 16 - text.length)) + text;

/** A link that runs a command; `title` and `label` are our own words, the arguments may be anything that JSON holds. */
export function commandLink(
  label: string,
  command: string,
  given: readonly unknown[],
  title: string,
): string {
  // Parentheses would end the link; encodeURIComponent leaves them.
  const encoded = encodeURIComponent(JSON.stringify(given)).replace(
    /[()!'*]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`,
  );
  return `[${label}](command:${command}?${encoded} "${title}")`;
}
