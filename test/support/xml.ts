/** A small XML reader for reports: elements with attributes, text and children, or an error. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

/** Throws if tags do not match, an attribute is invalid, or text contains a bare & or <. */
export function readXml(xml: string): Element {
  const root: Element = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  const body = xml.replace(/^<\?xml[^>]*\?>/, '');
  for (const [, tag, text = ''] of body.matchAll(/<([^>]*)>|([^<]+)/g)) {
    const parent = open.at(-1) ?? root;
    if (tag === undefined) parent.text += decode(text);
    else if (tag.startsWith('/')) {
      if (open.pop()?.name !== tag.slice(1)) throw new Error(`</${tag.slice(1)}> closes nothing`);
    } else {
      const [, name = '', rest = '', slash] = /^([\w-]+)((?:\s+[\w-]+="[^"]*")*)\s*(\/?)$/.exec(tag) ?? [];
      if (name === '') throw new Error(`no element: <${tag}>`);
      const attributes = [...rest.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
        key,
        decode(value),
      ]);
      const element = { name, attributes: Object.fromEntries(attributes), children: [], text: '' };
      parent.children.push(element);
      if (slash === '') open.push(element);
    }
  }
  if (open.length !== 1 || root.children.length !== 1) throw new Error('an element is not closed');
  return root.children[0] ?? root;
}

function decode(text: string): string {
  if (/&(?!(amp|lt|gt|quot|#\d+);)/.test(text)) throw new Error(`a bare & in ${text.slice(0, 60)}`);
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}
