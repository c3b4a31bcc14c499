/** Operands that name processes, and perhaps the run that they belong to: `decode`, `mine`, `mine/decode`. */
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { isInfraOnly } from '../deployment/infra-facts.ts';
import { clusterRuns } from '../kubernetes/records.ts';
import { isAlive } from '../process/identity.ts';
import { stateFolders } from '../run/folders.ts';
import { readPlan, storedRuns } from '../run/record.ts';

export interface RunOperands {
  /** Name or id; `undefined`: the one that is up. */
  readonly run: string | undefined;
  readonly processes: readonly string[];
}

/** `option`: the value of --run. A word that names both a process of the run that is up and a run means the process. */
export function splitOperands(
  operands: readonly string[],
  option: string | undefined,
  environment: Environment,
): RunOperands {
  const pairs = operands.flatMap((operand) => {
    const [, run, process] = /^([^/]+)\/([^/]+)$/.exec(operand) ?? [];
    return run === undefined || process === undefined ? [] : [{ operand, run, process }];
  });
  const named = new Set([...pairs.map(({ run }) => run), ...(option === undefined ? [] : [option])]);
  if (named.size > 1) {
    throw new DynamoError('usage', `One run at a time, but these are named: ${[...named].join(', ')}.`, {
      hint: `dynamo logs ${operands.find((each) => each.includes('/')) ?? [...named][0]}`,
      fields: { runs: [...named] },
    });
  }
  const processes = operands.map(
    (operand) => pairs.find((pair) => pair.operand === operand)?.process ?? operand,
  );
  const [run] = named;
  if (run !== undefined) return { run, processes };
  const [first, ...rest] = operands;
  return first !== undefined && isRun(first, environment)
    ? { run: first, processes: rest }
    : { run: undefined, processes };
}

function isRun(word: string, environment: Environment): boolean {
  const onClusters = clusterRuns(environment).some(({ name, graph, runId }) =>
    [name, graph, runId].includes(word),
  );
  if (process.platform !== 'linux') return onClusters;
  const stored = storedRuns(stateFolders(environment), isAlive);
  const live = stored.filter((run) => run.supervised && !isInfraOnly(run));
  const meant = live.length === 0 ? stored.at(-1) : live[0];
  // With several runs up, no process can be meant without a run.
  const plan = live.length > 1 || meant === undefined ? undefined : readPlan(meant.files);
  if (plan?.processes.some(({ name, component }) => [name, component].includes(word)) === true) return false;
  return onClusters || stored.some(({ record }) => [record.name, record.runId].includes(word));
}
