/**
 * `.env` of a project and --env-file, read as docker compose reads them: variables that are set already win, values may
 * refer to others. https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/
 */
import { readFileSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { errorCode, messageOf } from '../base/error-code.ts';

/** The variables of this file alone. `known`: what its values may refer to besides. Throws `usage` with file and line. */
export function readEnvFile(file: string, known: Environment): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const why = errorCode(cause) === 'ENOENT' ? 'there is no such file' : messageOf(cause);
    throw new DynamoError('usage', `${file}: ${why}.`, { cause, hint: `ls -l ${file}`, fields: { file } });
  }
  return parseEnvFile(text, file, known);
}

const begin = /(?:export[ \t]+)?([A-Za-z_][\w.]*)[ \t]*(?:[=:][ \t]*|(?=[ \t]*(?:#.*)?(?:\n|$)))/y;

export function parseEnvFile(text: string, file: string, known: Environment): Record<string, string> {
  const found: Record<string, string> = {};
  const valueOf = (name: string): string | undefined => known[name] ?? found[name];
  let at = 0;
  const lineAt = (index: number): number => text.slice(0, index).split('\n').length;
  const refuse = (index: number, what: string): DynamoError =>
    new DynamoError('usage', `${file}:${lineAt(index)}: ${what}.`, {
      hint: `${file}:${lineAt(index)} should be like NAME=value, NAME="value" or NAME='value'`,
      fields: { file },
    });
  const taken = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match ?? undefined;
  };
  for (;;) {
    taken(/(?:\s+|#.*)*/y);
    if (at >= text.length) return found;
    const start = at;
    const name = taken(begin)?.[1];
    // Never the line itself: it may hold a secret.
    if (name === undefined) throw refuse(start, 'this is no variable');
    const expand = (value: string): string =>
      interpolated(value, valueOf, (what) => refuse(start, `${name}: ${what}`));
    const quote = /[=:]/.test(text.slice(start, at)) ? text[at] : undefined;
    if (quote === "'" || quote === '"') {
      const quoted = taken(quote === '"' ? /"((?:[^"\\]|\\[^])*)"/y : /'((?:[^'\\]|\\[^])*)'/y)?.[1];
      if (quoted === undefined) throw refuse(start, `the value of ${name} has no closing ${quote}`);
      found[name] =
        quote === "'" ? quoted.replaceAll("\\'", "'") : expand(quoted.replaceAll(/\\([nrt"\\])/g, unescaped));
      if (taken(/[ \t]*(?:#.*)?(?=\r?\n|$)/y) === undefined)
        throw refuse(at, `there is text after the value of ${name}`);
    } else if (quote === undefined) {
      // A name alone passes on what is set, and sets nothing.
      taken(/.*/y);
    } else {
      const plain = taken(/.*/y)?.[0] ?? '';
      found[name] = expand(plain.replace(/(^|[ \t]+)#.*$/, '').trim());
    }
  }
}

function unescaped(_: string, letter: string): string {
  return { n: '\n', r: '\r', t: '\t' }[letter] ?? letter;
}

const reference = /\$\$|\$([A-Za-z_]\w*)|\$\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}]|\$\{[^}]*\})*))?\}/g;

/** `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${NAME:+other}`, and without the colon; `$$` is a dollar. */
function interpolated(
  text: string,
  valueOf: (name: string) => string | undefined,
  refuse: (what: string) => DynamoError,
): string {
  return text.replaceAll(
    reference,
    (whole, plain?: string, braced?: string, operator?: string, rest: string = '') => {
      if (whole === '$$') return '$';
      const value = valueOf(plain ?? braced ?? '');
      const isSet = value !== undefined && (operator?.startsWith(':') !== true || value !== '');
      const other = (): string => interpolated(rest, valueOf, refuse);
      if (operator?.endsWith('+') === true) return isSet ? other() : '';
      if (isSet) return value;
      if (operator?.endsWith('?') === true) throw refuse(rest === '' ? `${braced} is not set` : other());
      return operator === undefined ? '' : other();
    },
  );
}
