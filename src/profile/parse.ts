/** A profile file to a tree with positions: size, encoding, YAML. Every fault of the text is reported, none thrown. */
import { Composer, type CST, type Document, LineCounter, Parser, type YAMLError } from 'yaml';
import { convert } from './convert.ts';
import type { Diagnostic } from './diagnostic.ts';
import {
  type Candidate,
  maxProfileBytes,
  type ProfileLibrary,
  readBytes,
  sameName,
  shownPath,
} from './files.ts';
import { keyPositionAt, type MapTree, type Position, type Source, stringAt } from './tree.ts';

/** Limit on the copies that aliases make of their anchors; an alias bomb makes billions, a profile a few. */
const maxAliasCount = 100;

/** The most frequent mistakes, without terms of the YAML specification. */
const plainWords: Readonly<Partial<Record<YAMLError['code'], Omit<Diagnostic, 'at'>>>> = {
  TAB_AS_INDENT: { message: 'tabs cannot be used for indentation in YAML', fix: 'use spaces' },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'YAML: a second "key: value" inside a value',
    fix: 'quote the value, or put the key on a line of its own',
  },
  MULTILINE_IMPLICIT_KEY: {
    message: 'YAML: this line is not "key: value"',
    fix: 'is a colon missing, or is the indentation wrong?',
  },
  BAD_DIRECTIVE: {
    message: 'directives (%NAME) are not supported in profiles',
    fix: 'remove the line, or quote the value',
  },
  TAG_RESOLVE_FAILED: { message: 'tags (!name) are not supported in profiles', fix: 'remove the tag' },
};

/** The mapping in a profile file, or undefined with the reasons pushed to `problems`. */
export function parseProfile(bytes: Uint8Array, shown: string, problems: Diagnostic[]): MapTree | undefined {
  const decoded = decode(bytes, shown, problems);
  if (decoded === undefined) return undefined;
  const { text, source } = decoded;
  const counter = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = counter.linePos(offset);
    return { source, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const tokens = [...new Parser(counter.addNewLine).parse(text)];
  const deep = tooDeep(tokens);
  if (deep !== undefined) {
    problems.push({
      at: at(deep),
      message: 'nested too deeply for a profile',
      fix: 'is a bracket not closed?',
    });
    return undefined;
  }
  // Duplicate keys are found during conversion: the library's check takes quadratic time.
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, logLevel: 'silent' });
  const [document, second] = [...composer.compose(tokens, true, text.length)];
  if (document === undefined) return undefined;
  if (second !== undefined) {
    problems.push({
      at: at(second.range[0]),
      message: 'a second document starts before this line',
      fix: 'a profile is a single document: remove the ---',
    });
  }
  const faults = [...document.errors, ...document.warnings];
  for (const fault of faults) problems.push({ at: at(fault.pos[0]), ...explainFault(fault) });
  return faults.length > 0 || second !== undefined ? undefined : rootOf(document, text, at, problems);
}

function rootOf(
  document: Document.Parsed,
  text: string,
  at: (offset: number) => Position,
  problems: Diagnostic[],
): MapTree | undefined {
  if (text.includes('*') && !aliasesAreFew(document)) {
    problems.push({
      at: at(document.contents?.range[0] ?? 0),
      message: `aliases (*name) expand to more than ${maxAliasCount} copies of their anchors`,
      fix: 'write out the values',
    });
    return undefined;
  }
  const before = problems.length;
  const tree = document.contents === null ? undefined : convert(document, text, at, problems);
  if (problems.length > before) return undefined;
  if (tree?.kind === 'map') return withoutExtensions(tree);
  const empty = tree === undefined || (tree.kind === 'scalar' && tree.value === null);
  problems.push({
    at: tree?.at ?? at(0),
    message: empty ? 'the file is empty' : `expected a mapping (key: value), got a ${tree.kind}`,
    fix: 'start with: extends: agg',
  });
  return undefined;
}

/** Top-level `x-…` keys are ignored, as in compose files: a place for anchors. */
function withoutExtensions(tree: MapTree): MapTree {
  return { ...tree, entries: new Map([...tree.entries].filter(([key]) => !key.startsWith('x-'))) };
}

/** As slow as all other steps together. Only the library's own conversion counts aliases; ours reports unresolved ones with positions. */
function aliasesAreFew(document: Document.Parsed): boolean {
  try {
    document.toJS({ maxAliasCount });
    return true;
  } catch (error) {
    return !(error instanceof ReferenceError && error.message.includes('Excessive alias count'));
  }
}

/** The library appends the source after a colon; we show the line ourselves, without secrets. */
function withoutSource(message: string): string {
  return message.replace(/: .*/s, '');
}

function explainFault({ code, message }: YAMLError): Omit<Diagnostic, 'at'> {
  return (
    plainWords[code] ?? {
      message: `YAML: ${withoutSource(message)}`,
      fix: code === 'BAD_SCALAR_START' ? 'quote the value' : undefined,
    }
  );
}

export interface Decoded {
  readonly text: string;
  readonly source: Source;
}

/** Pushes to `problems` and returns undefined if the bytes are not UTF-8 text of a reasonable size. */
export function decode(bytes: Uint8Array, shown: string, problems: Diagnostic[]): Decoded | undefined {
  if (bytes.length > maxProfileBytes) {
    const size = (bytes.length / 1024 / 1024).toFixed(1);
    problems.push({
      at: { source: { shown, lines: [] }, line: 1, column: 1 },
      message: `the file is ${size} MiB; the limit for a profile is ${maxProfileBytes / 1024 / 1024} MiB`,
      fix: 'is this the right file?',
    });
    return undefined;
  }
  // Both decoders remove a byte order mark.
  const text = new TextDecoder('utf-8').decode(bytes);
  const source = { shown, lines: text.split(/\r?\n/) };
  if (isUtf8(bytes)) return { text, source };
  const line = source.lines.findIndex((each) => each.includes('\uFFFD'));
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  problems.push({
    at: { source, line: line + 1, column: (source.lines[line] ?? '').indexOf('\uFFFD') + 1 },
    message: utf16 ? 'the file is UTF-16, not UTF-8' : 'these bytes are not UTF-8',
    fix: 'save the file as UTF-8',
  });
  return undefined;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Far more than a profile needs, and far less than would overflow the stack. */
const maxDepth = 100;

/** Offset of the first value that is nested too deeply. Not recursive, since deep nesting would overflow the stack. */
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

export interface ProfileFile extends Candidate {
  readonly tree: MapTree;
}

/** Pushes to `problems` and returns undefined if the file is not a YAML mapping; only undefined if it does not exist. */
export async function readProfileFile(
  candidate: Candidate,
  library: ProfileLibrary,
  problems: Diagnostic[],
): Promise<ProfileFile | undefined> {
  const bytes = await readBytes(candidate.file, library);
  if (bytes === undefined) return undefined;
  const tree = parseProfile(bytes, shownPath(candidate.file, library.cwd), problems);
  if (tree === undefined) return undefined;
  const named = stringAt(tree, ['name']);
  if (named === undefined) return { ...candidate, tree };
  if (candidate.origin === 'file') return { ...candidate, name: named, tree };
  if (!sameName(named, candidate.name)) {
    problems.push({
      at: keyPositionAt(tree, ['name']),
      message: `name: in a profile directory, the name must match the file name, got ${JSON.stringify(named)}`,
      fix: `remove the line, or rename the file to ${named}.yaml`,
    });
  }
  return { ...candidate, tree };
}
