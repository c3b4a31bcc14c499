/**
 * What a run needs in addition to its plan, which is printed and stored: the variables that its processes inherit, and secrets. It
 * travels from who plans to who starts the processes in memory, or as the environment of the supervisor.
 */
import type { Environment } from '../base/environment.ts';
import type { Plan } from './plan.ts';
import type { Secrets } from './plan-secrets.ts';

export interface RunEnvironment {
  /** Of the caller, with what the profile says of its etcd and NATS. */
  readonly variables: Environment;
  /** What the plan hides: each process gets its own alone. */
  readonly secrets: Secrets;
}

/** What every process of the run inherits. */
export function childEnvironment(
  { scrubbed }: Pick<Plan, 'scrubbed'>,
  { variables }: RunEnvironment,
): Record<string, string> {
  const left = new Set(scrubbed);
  const kept = Object.entries(variables).flatMap(([name, value]): [string, string][] =>
    value === undefined || left.has(name) ? [] : [[name, value]],
  );
  return Object.fromEntries(kept);
}

/** The kernel takes 128 KiB in one variable. */
const pieceLength = 100_000;
const piecePrefix = 'DYNAMO_SECRETS_';

/** The environment of a supervisor. Secrets go in pieces: a value that one process can be given may be too long with another name. */
export function packEnvironment({ variables, secrets }: RunEnvironment): Environment {
  if (Object.keys(secrets).length === 0) return variables;
  const packed = Buffer.from(JSON.stringify(secrets)).toString('base64');
  const pieces = packed.match(new RegExp(`.{1,${pieceLength}}`, 'g')) ?? [];
  return { ...variables, ...Object.fromEntries(pieces.map((piece, i) => [piecePrefix + i, piece])) };
}

/** The reverse: no process inherits the pieces. */
export function unpackEnvironment(environment: Environment): RunEnvironment {
  const pieces: string[] = [];
  for (let i = 0; environment[piecePrefix + i] !== undefined; i++)
    pieces.push(environment[piecePrefix + i] ?? '');
  const variables = Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith(piecePrefix)),
  );
  const secrets =
    pieces.length === 0 ? {} : (JSON.parse(Buffer.from(pieces.join(''), 'base64').toString()) as Secrets);
  return { variables, secrets };
}
