/** Containers of runs that have not ended, as ledgers and labels prove them. */
import type { FoundContainer } from '../container/in-ledger.ts';
import type { StoredRun } from '../run/record.ts';
import { foundContainers } from './reap-run.ts';

export type OwnContainers = readonly {
  readonly run: StoredRun;
  readonly containers: readonly FoundContainer[];
}[];

/** Asks a daemon only where a ledger names containers. Never rejects. */
export async function containersOf(runs: readonly StoredRun[]): Promise<OwnContainers> {
  const open = runs.filter(({ record }) => record.endedAt === undefined);
  return await Promise.all(open.map(async (run) => ({ run, containers: await foundContainers(run) })));
}

/** By the first twelve characters of their ids. */
export function runsByContainer(own: OwnContainers): Map<string, StoredRun> {
  return new Map(
    own.flatMap(({ run, containers }) =>
      containers.flatMap(({ id }): [string, StoredRun][] =>
        id === undefined ? [] : [[id.slice(0, 12), run]],
      ),
    ),
  );
}
