/** A program need not read the sentence of an error: what stands in it also stands in `fields`. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'rolldown/parseAst';
import { expect, test } from 'vitest';

const source = fileURLToPath(new URL('../../../src', import.meta.url));

/** Why the message contains text but no value for a program. */
const withoutValues: Readonly<Record<string, string>> = {
  'cli/clean.ts: text ??': 'amounts of GPU memory, in words',
  'cli/operands.ts: `dynamo ${verb} needs a profile.`': 'the command that was run',
  'cli/report.ts: `This is a bug in dynamo': 'the version of this package',
  'cli/report.ts: `${problem.words}:': 'the text of the operating system; its code is not kept',
  'deployment/prepare-run.ts: `${words}.`': 'limits of the host, in words',
  'kubernetes/manifest.ts: `The arguments after --: ${problem.message}.`': 'a word that may be a secret',
  'library.ts: words': 'takes over the fields of another error',
  'package/platform.ts: `${trouble.words}.`': '/proc, in words',
  'package/platform.ts: `The working folder ${words}.`': 'the text of the operating system',
  'process/identity.ts: `${words}.`': '/proc, in words',
  'run/control-client.ts: `The supervisor refused:': 'the sentence of another version of dynamo',
};

interface Site {
  /** File and message, as in the source. */
  readonly at: string;
  readonly isFixedText: boolean;
  readonly hasFields: boolean;
}

type Node = Readonly<Record<string, unknown>> & { readonly start: number; readonly end: number };

function sitesIn(file: string): Site[] {
  const text = readFileSync(`${source}/${file}`, 'utf8');
  const textOf = ({ start, end }: Node): string => text.slice(start, end);
  return nodesIn(parseAst(text, { lang: 'ts' }) as unknown as Node).flatMap((node) => {
    if (node['type'] !== 'NewExpression' || textOf(node['callee'] as Node) !== 'DynamoError') return [];
    const [, message, detail] = node['arguments'] as Node[];
    if (message === undefined) return [];
    const names = ((detail?.['properties'] ?? []) as Node[]).map(({ key }) => key && textOf(key as Node));
    return [
      {
        at: `${file}: ${textOf(message)}`,
        isFixedText: message['type'] === 'Literal',
        hasFields: names.includes('fields'),
      },
    ];
  });
}

function nodesIn(node: unknown): Node[] {
  if (typeof node !== 'object' || node === null) return [];
  const inside = Object.values(node).flatMap(nodesIn);
  return 'type' in node ? [node as unknown as Node, ...inside] : inside;
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const sites = files.flatMap(sitesIn);

test('an error with values in its message has them as fields', () => {
  expect(sites.length).toBeGreaterThan(150);
  const without = sites.filter(({ isFixedText, hasFields }) => !isFixedText && !hasFields);
  const unexplained = without.filter(
    ({ at }) => !Object.keys(withoutValues).some((key) => at.startsWith(key)),
  );
  expect(unexplained.map(({ at }) => at)).toEqual([]);
  const stale = Object.keys(withoutValues).filter((key) => !without.some(({ at }) => at.startsWith(key)));
  expect(stale).toEqual([]);
});
