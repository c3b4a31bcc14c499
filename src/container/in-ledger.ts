/** Containers that a ledger lists, when the supervisor that started them is gone. */
import type { Clock } from '../base/clock.ts';
import type { ContainerEntry } from '../base/identity.ts';
import { messageOf } from '../base/error-code.ts';
import type { Child } from '../supervisor/contracts.ts';
import type { StopReport } from '../supervisor/events.ts';
import { connect, inspectContainer, silence } from './client.ts';
import { type ContainerStop, endContainer, isOurs } from './end-container.ts';

/** They can be stopped and removed; nothing else is known about them. */
export function containersInLedger(entries: readonly ContainerEntry[], clock: Clock): Map<string, Child> {
  const names = new Set(entries.map(({ process }) => process));
  return new Map(
    [...names].map((name) => [
      name,
      childOf(
        entries.filter(({ process }) => process === name),
        clock,
      ),
    ]),
  );
}

/** All containers of one process, one per start: they had the same name, and at most one of them exists. */
function childOf(lives: readonly ContainerEntry[], clock: Clock): Child {
  const force = new AbortController();
  const end = async (entry: ContainerEntry, graceMs: number): Promise<StopReport> =>
    await endEntry(entry, { graceMs, clock, forceSignal: force.signal, appearsWithinMs });
  return {
    pid: undefined,
    exited: Promise.resolve({ code: undefined, signal: undefined }),
    degraded: new Promise(() => {}),
    trackChildren: async () => {},
    vitalChildren: () => [],
    // The port may be held by Docker's proxy, or be a kernel rule.
    drained: () => new Promise(() => {}),
    stop: async (graceMs) => {
      const reports = await Promise.all(lives.map(async (entry) => await end(entry, graceMs)));
      return {
        killed: reports.flatMap(({ killed }) => killed),
        left: [...new Set(reports.flatMap(({ left }) => left))],
      };
    },
    kill: () => force.abort(),
  };
}

/** Never rejects: a container whose daemon cannot be reached, as its certificates are gone, is reported as left. */
async function endEntry(
  entry: ContainerEntry,
  how: Omit<ContainerStop, 'docker' | 'entry'>,
): Promise<StopReport> {
  try {
    return await endContainer({ docker: connect(entry.daemon), entry, ...how });
  } catch (error) {
    return {
      killed: [],
      left: [`container ${entry.container} (Docker at ${entry.daemon.address}: ${messageOf(error)})`],
    };
  }
}

/** The supervisor may have died while Docker was creating a container: Docker completes that. */
const appearsWithinMs = 1_500;

/** Stops the containers that still exist: the last step of a run. Never rejects. */
export async function endRest(entries: readonly ContainerEntry[], clock: Clock): Promise<StopReport> {
  const found = await findContainers(entries);
  const forceSignal = AbortSignal.abort();
  const reports = await Promise.all(
    found.map(async ({ entry }) => await endEntry(entry, { graceMs: 0, clock, forceSignal })),
  );
  return {
    killed: reports.flatMap(({ killed }) => killed),
    left: [...new Set(reports.flatMap(({ left }) => left))],
  };
}

export interface FoundContainer {
  readonly entry: ContainerEntry;
  /** Docker's id: 64 characters; absent if Docker does not answer. */
  readonly id?: string;
  /** `running`, `exited` and so on; `unknown` if Docker does not answer. */
  readonly state: string;
  /** Why it is unknown. */
  readonly problem?: string;
}

/** The containers that still exist, and those of which nothing is known. Never rejects. */
export async function findContainers(entries: readonly ContainerEntry[]): Promise<FoundContainer[]> {
  const found = await Promise.all(
    entries.map(async (entry): Promise<FoundContainer[]> => {
      try {
        const info = await inspectContainer(connect(entry.daemon).getContainer(entry.container));
        if (info === undefined || !isOurs(info, entry)) return [];
        return [{ entry, id: info.Id, state: info.State.Status }];
      } catch (error) {
        return [{ entry, state: 'unknown', problem: silence(error) ?? messageOf(error) }];
      }
    }),
  );
  return found.flat();
}
