/** Extracts the examples from pages of the docs, so that tests run what users read. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface DocBlock {
  readonly language: string;
  readonly text: string;
}

/** The code blocks of `docs/PAGE`, in order. */
export function docBlocks(page: string): DocBlock[] {
  const text = readFileSync(fileURLToPath(new URL(`../../docs/${page}`, import.meta.url)), 'utf8');
  return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language = '', block = '']) => ({
    language,
    text: block,
  }));
}

/** The block that begins with a comment naming this file. Throws if there is none. */
export function docFile(page: string, name: string): string {
  const found = docBlocks(page).find(
    ({ text }) => /^(#|\/\/) /.test(text) && text.split('\n')[0]?.includes(name),
  );
  if (found === undefined) throw new Error(`docs/${page} has no example ${name}`);
  return found.text;
}

/** Command lines in `sh` blocks that contain this text. */
export function docCommands(page: string, part: string): string[] {
  return docBlocks(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.split('\n'))
    .filter((line) => line.includes(part));
}
