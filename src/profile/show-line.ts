/** A line of a profile as an error may show it: by where it stands, its values are secrets or are not. */
import { conceal, isDocumented, isSecret, isSecretFlag } from '../base/secrets.ts';

/** Stars of the same length, so that columns stay right. */
const mask = (value: string): string => '*'.repeat(value.length);

/** `index` counts from 0. Reads the text and not the tree: what an error shows is often no YAML at all. */
export function shownLine(lines: readonly string[], index: number): string {
  const line = lines[index] ?? '';
  const above = keysAbove(lines, index);
  const at = above[0] === 'parameters' ? -1 : above.indexOf('env');
  if (at >= 0) return at === above.length - 1 ? maskVariable(line) : maskRest(line, above[at + 1] ?? '');
  return followsSecretFlag(lines, index) ? maskFirstWord(line) : maskInside(line);
}

/** The keys under which a line stands, from the outermost to the one just above. */
function keysAbove(lines: readonly string[], index: number): string[] {
  const found: string[] = [];
  const line = lines[index] ?? '';
  // A list may stand as far left as its key.
  let limit = (indentOf(line) ?? 0) + (/^\s*-\s/.test(line) ? 1 : 0);
  for (let i = index - 1; i >= 0 && limit > 0; i--) {
    const indent = indentOf(lines[i] ?? '');
    if (indent === undefined || indent >= limit) continue;
    limit = indent;
    const key = /^\s*(?:-\s+)*["']?([\w.-]+)["']?\s*:/.exec(lines[i] ?? '')?.[1];
    if (key !== undefined) found.unshift(key);
  }
  return found;
}

/** Of a line with something on it that is no comment. */
function indentOf(line: string): number | undefined {
  return /^(\s*)[^\s#]/.exec(line)?.[1]?.length;
}

/** `NAME: value`, and `- NAME=value` as people write it who come from compose files. */
function maskVariable(line: string): string {
  if (/^\s*<<\s*:/.test(line)) return line;
  const [, head, name = '', value = ''] =
    /^(\s*(?:-\s+)?["']?([\w.-]+)["']?\s*[:=]\s*)(.*)$/.exec(line) ?? [];
  if (head === undefined) return line.replace(/\S.*/, mask);
  return isDocumented(name) ? conceal(line, mask) : head + mask(value);
}

/** What goes on below a variable. */
function maskRest(line: string, variable: string): string {
  return isDocumented(variable) ? conceal(line, mask) : line.replace(/\S.*/, mask);
}

function followsSecretFlag(lines: readonly string[], index: number): boolean {
  const before = /(--?[A-Za-z][\w-]*)["']?\s*,?\s*$/.exec(lines[index - 1] ?? '')?.[1];
  return before !== undefined && isSecretFlag(before);
}

function maskFirstWord(line: string): string {
  return line.replace(/^(\s*(?:-\s+)?)(\S+)/, (_, head: string, word: string) => head + mask(word));
}

const variablesInFlow = /(\benv["']?\s*:\s*\{)([^}]*)/g;
const variableInFlow = /(["']?([A-Za-z_]\w*)["']?\s*:\s*)("[^"]*"?|'[^']*'?|[^,}]*)/g;
const named = /([A-Za-z_]\w*)(["']?\s*[:=]\s*)([^\s,{}]+)/g;
const argument = /(--?[A-Za-z][\w-]*)(["']?[\s,=]+["']?)([^\s,"'\]=-][^\s,"'\]]*)/g;

/** A line that stands under nothing secret may still hold a mapping of variables, arguments or an address. */
function maskInside(line: string): string {
  const shown = line
    .replaceAll(variablesInFlow, (_, head: string, body: string) => head + maskFlow(body))
    .replaceAll(named, (all: string, name: string, between: string, value: string) =>
      isSecret(name, value) ? name + between + mask(value) : all,
    )
    .replaceAll(argument, (all: string, flag: string, between: string, value: string) =>
      isSecretFlag(flag) ? flag + between + mask(value) : all,
    );
  return conceal(shown, mask);
}

function maskFlow(body: string): string {
  return body.replaceAll(variableInFlow, (all: string, key: string, name: string, value: string) =>
    isDocumented(name) ? all : key + mask(value),
  );
}
