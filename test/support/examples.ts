/** Extracts the examples from help texts, so that tests run what users read, and says where each of them runs. */

export interface Example {
  /** The command line, without the remark next to it. */
  readonly line: string;
  /** The arguments of `dynamo` in it. */
  readonly words: readonly string[];
}

/** Every call of `dynamo` in the block of examples; a line may have several. */
export function commandsIn(help: string): Example[] {
  return examplesIn(help).flatMap((line) =>
    [...line.matchAll(/\bdynamo ((?:'[^']*'|[^'|&>)#])*)/g)].map(([, words = '']) => ({
      line,
      words: [...words.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ''),
    })),
  );
}

/** The lines under `Examples:`, each without the remark after two spaces. */
export function examplesIn(help: string): string[] {
  const [, block = ''] = /^Examples:\n((?: {2}.*\n?)*)/m.exec(help) ?? [];
  return block
    .split('\n')
    .filter((line) => /^ {2}\S/.test(line))
    .map((line) => line.trim().split(/ {2,}/)[0] ?? '');
}

export interface Place {
  readonly pattern: RegExp;
  /** `real`: test/real/examples runs it as it is. Otherwise, the test that runs an equivalent command. */
  readonly where: string;
  readonly needs: string;
}

/** Examples that need more than Node and npm. */
export const otherPlaces: readonly Place[] = [
  { pattern: /\| jq\b/, where: 'real', needs: 'jq' },
  { pattern: /-- pytest/, where: 'real', needs: 'Python with pytest' },
  {
    pattern: /^dynamo infra up --infra docker/,
    where: 'test/real/container/infra.test.ts',
    needs: 'a Docker daemon and images',
  },
  {
    pattern: /^dynamo bench/,
    where: 'test/e2e/bench.test.ts',
    needs: 'minutes, with the usual number of requests',
  },
  { pattern: /^ssh /, where: 'test/real/ui/page.test.ts', needs: 'another machine' },
  { pattern: /^dynamo infra|--discovery etcd/, where: 'real', needs: 'etcd and NATS' },
];

/** `undefined` for an example that needs only Node and npm. */
export function otherPlace(line: string): Place | undefined {
  return otherPlaces.find(({ pattern }) => pattern.test(line));
}
