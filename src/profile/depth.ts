/** Refuses YAML that is nested so deeply that later, recursive steps would run out of stack. */
import type { CST } from 'yaml';

/** Far more than a profile needs, far less than a stack holds. */
const maxDepth = 100;

/** Offset of the first value that is nested too deeply. Walks without recursion, for it is what must not overflow. */
export function tooDeep(tokens: readonly CST.Token[]): number | undefined {
  const open: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > maxDepth) return token.offset;
    for (const child of childrenOf(token)) open.push({ token: child, depth: depth + 1 });
  }
  return undefined;
}

function childrenOf(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value === undefined ? [] : [token.value];
  if (!('items' in token)) return [];
  return token.items.flatMap(({ key, value }) =>
    [key, value].filter((child) => child !== undefined && child !== null),
  );
}
