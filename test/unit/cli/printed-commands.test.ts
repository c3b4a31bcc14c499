/** Every `dynamo …` in docs and hints is accepted by the parser of its command. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { takes } from '../../support/parse-command.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

interface Printed {
  readonly place: string;
  readonly command: string;
}

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file));
}

/** Skips lines with placeholders such as `<run>` or `[process]`; `npx dynamo` counts as `dynamo`. */
function commandsOf(place: string, texts: readonly string[]): Printed[] {
  return texts
    .flatMap((text) => text.split(/(?<=[^#])&&|\n|(?<!\\)\|/))
    .map((text) => text.replace(/^[\s$]*(?:npx )?/, '').replace(/\s+#.*$/, ''))
    .filter((text) => /^dynamo [a-z-]/.test(text) && !/[<[…]|\.\.\.|\/start|\/up|\/down|\/wait/.test(text))
    .map((command) => ({ place, command: withoutRedirection(command) }));
}

/** Cuts off what a shell would not pass on; in quotes it does. */
function withoutRedirection(command: string): string {
  const [kept = ''] = /^(?:'[^']*'|"[^"]*"|(?! [>&] ).)*/.exec(command) ?? [];
  return kept.trim();
}

function inDocs(): Printed[] {
  const pages = ['README.md', ...filesBelow('docs', '.md'), ...filesBelow('launch-profiles', '.md')];
  return pages.flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const blocks = [...text.matchAll(/^```(?:sh|console|bash)\n([^]*?)^```$/gm)].map(
      ([, block = '']) => block,
    );
    const spans = [...text.replaceAll(/^```[^]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(
      ([, span = '']) => span,
    );
    return [...commandsOf(page, spans), ...blocks.flatMap((block) => commandsOf(page, block.split('\n')))];
  });
}

/** From the source, with a word for each interpolated value. */
function inHints(): Printed[] {
  return filesBelow('src', '.ts').flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const hints = [...text.matchAll(/(?:hint|fix):?\s+(?:[^,;{}]*?\? )?(['`])(dynamo [^]*?)\1/g)].map(
      ([, , hint = '']) =>
        hint
          .replace(/^dynamo \$\{[^}]*\}/, 'dynamo smoke')
          .replace(/^dynamo completion \$\{[^}]*\}/, 'dynamo completion bash')
          .replaceAll(/--engine \$\{[^}]*\}/g, '--engine mocker')
          .replaceAll(/\$\{[^}]*\}/g, 'x'),
    );
    return commandsOf(file, hints);
  });
}

// Loads the modules of all commands, which is slow on a busy machine.
it.each([
  ['the docs', inDocs, 60],
  ['hints', inHints, 40],
] as const)('commands in %s', { timeout: 60_000 }, async (_, list, atLeast) => {
  const printed = list();
  expect(printed.length).toBeGreaterThan(atLeast);
  const wrong: string[] = [];
  // A command without arguments is its name.
  for (const { place, command } of printed.filter((each) => / .* /.test(each.command))) {
    const words = [...command.slice('dynamo '.length).matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
      ([, single, double, plain]) => single ?? double ?? plain ?? '',
    );
    await takes(command, words).catch((error: unknown) => wrong.push(`${place}: ${String(error)}`));
  }
  expect(wrong).toEqual([]);
});
