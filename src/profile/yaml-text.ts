/** A value as YAML with comments before it: what other programs read. */
import { Document, isMap, isNode, visit } from 'yaml';

/** A reference to another key's mapping, which is merged in: `{ '<<': merged('x-common') }`. */
export function merged(key: string): string {
  return `\0${key}`;
}

/** Texts that YAML 1.1 reads as something else (`no`, `10:20`) are quoted: kubectl and older tools read that. */
export function yamlText(value: unknown, comments: readonly string[]): string {
  const document = new Document(value, { aliasDuplicateObjects: false, compat: 'yaml-1.1', merge: true });
  visit(document, {
    Scalar: (_, { value: text }) => {
      const key = typeof text === 'string' && text.startsWith('\0') ? text.slice(1) : undefined;
      const target = key === undefined ? undefined : document.get(key, true);
      return isNode(target) && isMap(target)
        ? document.createAlias(target, key?.replace(/^x-/, ''))
        : undefined;
    },
  });
  document.commentBefore = comments.map((line) => ` ${line.replaceAll(/[\r\n]+/g, ' ')}`).join('\n');
  return document.toString({ lineWidth: 0 });
}
