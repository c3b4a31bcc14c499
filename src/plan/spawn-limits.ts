/** Rejects processes that the kernel would refuse to start: arguments or variables that are too long, alone or in total. */
import { DynamoError } from '../base/error.ts';
import { textCost, textFault } from '../base/process-limits.ts';
import type { Plan, ProcessSpec } from './plan.ts';
import type { Secrets } from './plan-secrets.ts';
import { packEnvironment } from './run-environment.ts';
import type { HostFacts, PlanOptions } from './request.ts';

/** For the shell that starts each process, what it adds to the environment, and pointers. */
const overhead = 4096;
/** For the usual stack of 8 MiB. */
const usualLimit = 2 * 1024 ** 2;

/** `specs`: with their secrets. Throws `usage` for a single argument or variable, `environment` for the total. */
export function requireSpawnable(
  specs: readonly ProcessSpec[],
  { env: given }: Pick<PlanOptions, 'env'>,
  host: Pick<HostFacts, 'environment' | 'argumentBytes'>,
  { scrubbed, secrets }: { readonly scrubbed: Plan['scrubbed']; readonly secrets: Secrets },
): void {
  for (const spec of specs) requireTexts(spec, given);
  const inherited = Object.fromEntries(
    Object.entries(host.environment).filter(([name]) => !scrubbed.includes(name)),
  );
  for (const { name, argv, env, container } of specs) {
    if (container === undefined) requireTotal(name, argv, { ...inherited, ...env }, host);
  }
  requireTotal('the supervisor', [], packEnvironment({ variables: host.environment, secrets }), host);
}

function requireTexts({ name, argv, env }: ProcessSpec, given: PlanOptions['env']): void {
  for (const [variable, value] of Object.entries(env)) {
    const fault = textFault(value, `${variable}=`);
    if (fault === undefined) continue;
    const place = Object.hasOwn(given, variable) ? `--env ${variable}` : `${name}: variable ${variable}`;
    throw new DynamoError('usage', `${place} ${fault}.`, {
      hint: 'put it in a file, and pass the path',
      fields: { process: name, variable },
    });
  }
  for (const [i, word] of argv.entries()) {
    const fault = textFault(word);
    if (fault === undefined) continue;
    const flag = [word, argv[i - 1] ?? ''].map((each) => /^--?[\w-]+/.exec(each)?.[0]).find(Boolean);
    throw new DynamoError('usage', `${name}: argument ${flag ?? i + 1} ${fault}.`, {
      hint: 'put it in a file, and pass the path',
      fields: { process: name, option: flag },
    });
  }
}

function requireTotal(
  name: string,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { argumentBytes: limit = usualLimit }: Pick<HostFacts, 'argumentBytes'>,
): void {
  // The total is nearly always far below the limit; then there is no need to count bytes.
  const letters = [...argv, ...Object.entries(env).flat()].reduce(
    (sum, each) => sum + (each?.length ?? 0) + 10,
    0,
  );
  if (3 * letters + overhead <= limit) return;
  const variables = Object.entries(env).map(([variable, value]) => ({
    what: variable,
    cost: textCost(`${variable}=${value}`),
  }));
  const words = argv.map((word, i) => ({ what: `argument ${i + 1}`, cost: textCost(word) }));
  const all = [...variables, ...words];
  const total = all.reduce((sum, { cost }) => sum + cost, overhead);
  if (total <= limit) return;
  const largest = all.toSorted((a, b) => b.cost - a.cost).slice(0, 3);
  throw new DynamoError(
    'environment',
    `The arguments and variables of ${name} take ${kibibytes(total)}; the limit on this host is ${kibibytes(limit)}, a quarter of the stack size (ulimit -s).`,
    {
      details: largest.map(({ what, cost }) => `  ${what}: ${kibibytes(cost)}`),
      hint: 'ulimit -s 24576   # raises the limit to 6 MiB, the maximum; or pass less',
      fields: { process: name, neededBytes: total, limitBytes: limit },
    },
  );
}

function kibibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
