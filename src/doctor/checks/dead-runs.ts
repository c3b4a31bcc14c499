/** What dead runs left: processes, records and containers. */
import type { Lack, SeenContainer } from '../../plan/container.ts';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView, RunFacts, StateFacts } from '../host-view.ts';
import { countText, gibText } from '../../base/units.ts';

/** D03: processes that one of our runs left when its supervisor was killed. */
export const orphansOurs: Check = {
  id: 'D03',
  name: 'orphans-ours',
  title: 'no process of a dead run is alive',
  severity: 'fail',
  look: async (host) => {
    const { runs } = await host.state();
    const orphaned = runs.filter(({ state, living }) => state === 'dead' && living.length > 0);
    if (orphaned.length === 0)
      return ok(`${countText(runs.length, 'run')} on record, none of them left a process behind`);
    const { holders = [] } = await host.gpus();
    const lines = orphaned.map(({ runId, living }) => {
      const pids = new Set(living.map(({ pid }) => pid));
      const held = holders.reduce((sum, { pid, usedMiB = 0 }) => sum + (pids.has(pid) ? usedMiB : 0), 0);
      const names = living.map(({ pid, process }) => `${process} ${pid}`).join(', ');
      return `${runId}: ${names}${held > 0 ? `, using ${gibText(held)} of GPU memory` : ''}`;
    });
    const count = orphaned.reduce((sum, { living }) => sum + living.length, 0);
    return fail(
      `${countText(count, 'process')} of ${countText(orphaned.length, 'dead run')} still running: ${lines[0]}`,
      'dynamo clean   # or dynamo doctor --fix --only orphans-ours; the next `dynamo up` also does it',
      lines.slice(1),
    );
  },
  repair: async (host) => {
    const { runs, reap } = await host.state();
    const orphaned = runs.filter(({ state, living }) => state === 'dead' && living.length > 0);
    return await Promise.all(orphaned.map(async ({ runId }) => `${runId}: ${await reap(runId)}`));
  },
};

/** D29: records, locks and sockets of runs that ended without cleaning up. */
export const runState: Check = {
  id: 'D29',
  name: 'run-state',
  title: 'no dead run left locks or sockets',
  severity: 'warn',
  look: async (host) => {
    const state = await host.state();
    const lines = [
      ...emptyRuns(state).map(
        ({ runId, startedAt }) => `run ${runId} of ${dayOf(startedAt)}: its supervisor is gone`,
      ),
      ...state.stale.map(({ kind, file, proof }) => `${kind} ${file}: ${proof}`),
    ];
    if (lines.length === 0) return ok(`${countText(state.runs.length, 'run')} on record, nothing stale`);
    return warn(
      lines.length === 1 ? (lines[0] ?? '') : `${lines.length} stale items: ${lines[0]}`,
      'dynamo doctor --fix --only run-state   # or dynamo clean; the next `dynamo up` replaces them anyway',
      lines.slice(1),
    );
  },
  repair: async (host) => {
    const state = await host.state();
    const reaped = await Promise.all(
      emptyRuns(state).map(async ({ runId }) => `cleaned up after ${runId}: ${await state.reap(runId)}`),
    );
    return [...reaped, ...(await state.dropStale())];
  },
};

/** Dead runs without living processes; orphans-ours reports the others. */
function emptyRuns({ runs }: StateFacts): RunFacts[] {
  return runs.filter(({ state, living }) => state === 'dead' && living.length === 0);
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}

/** Ports of etcd and NATS. */
const infraPorts = /:(2379|4222)$/;

/** D30: Docker can be used, and holds no container of a dead run and no image that was withdrawn. */
export const docker: Check = {
  id: 'D30',
  name: 'docker',
  title: 'Docker works and has no container of a dead run',
  severity: 'warn',
  look: async (host) => {
    const { daemon, problem, containers } = await host.containers();
    if (daemon === undefined) return noDaemon(problem, host.subject?.infra === 'docker');
    return (
      (await deadOnes(host, containers)) ?? goneImages(containers) ?? ok(summary(daemon.version, containers))
    );
  },
};

/** Does not suggest starting what nothing uses. */
function noDaemon(problem: Lack = { words: 'there is none', fix: '' }, isNeeded: boolean): Finding {
  const { words, fix } = problem;
  if (!isNeeded) return skip(`only --infra docker and --runtime docker need a daemon: ${words}`);
  return warn(`no Docker daemon can be used: ${words}`, fix);
}

async function deadOnes(host: HostView, containers: readonly SeenContainer[]): Promise<Finding | undefined> {
  const { runs } = await host.state();
  const live = new Set(runs.filter(({ state }) => state === 'live').map(({ runId }) => runId));
  const known = new Set(runs.map(({ runId }) => runId));
  const dead = containers.filter(({ runId }) => runId !== '' && known.has(runId) && !live.has(runId));
  if (dead.length === 0) return undefined;
  return warn(
    `${countText(dead.length, 'container')} of dead runs: ${dead.map(({ name, runId }) => `${name} of ${runId}`).join(', ')}`,
    `dynamo clean   # or docker rm -f ${dead.map(({ name }) => name).join(' ')}`,
  );
}

/** The images of bitnami were withdrawn. Source: docs/upstream/memory-and-gpus.md#images-of-etcd. */
function goneImages(containers: readonly SeenContainer[]): Finding | undefined {
  const gone = containers.find(({ image }) => /(^|\/)bitnami\/etcd/.test(image));
  return (
    gone &&
    warn(`${gone.name} uses ${gone.image}, which is no longer published`, 'use quay.io/coreos/etcd instead')
  );
}

function summary(version: string, containers: readonly SeenContainer[]): string {
  const foreign = containers.filter(({ runId }) => runId === '');
  const note = foreign.flatMap(({ name, published }) =>
    published.filter((place) => infraPorts.test(place)).map((place) => `; ${name} publishes ${place}`),
  );
  return `Docker ${version}, ${countText(containers.length, 'container')}, none of a dead run${note.join('')}`;
}
