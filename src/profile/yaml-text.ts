/** A value as YAML with comments before it: what other programs read. */
import { Document } from 'yaml';

export function yamlText(value: unknown, comments: readonly string[]): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  document.commentBefore = comments.map((line) => ` ${line.replaceAll(/[\r\n]+/g, ' ')}`).join('\n');
  return document.toString({ lineWidth: 0 });
}
