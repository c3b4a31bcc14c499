/** D30: Docker can be used, and holds no container of a dead run and no image that is gone. */
import type { Lack, SeenContainer } from '../../plan/container.ts';
import { type Check, ok, type Finding, skip, warn } from '../check.ts';
import type { HostView } from '../host-view.ts';
import { countText } from '../sizes.ts';

/** Ports of etcd and NATS. */
const infraPorts = /:(2379|4222)$/;

export const docker: Check = {
  id: 'D30',
  name: 'docker',
  title: 'Docker can be used and holds nothing of a dead run',
  severity: 'warn',
  look: async (host) => {
    const { daemon, problem, containers } = await host.containers();
    if (daemon === undefined) return unreachable(problem, host.subject?.infra === 'docker');
    return (
      (await deadOnes(host, containers)) ?? goneImages(containers) ?? ok(summary(daemon.version, containers))
    );
  },
};

/** Nobody is told to start what nothing uses. */
function unreachable(problem: Lack = { words: 'there is none', fix: '' }, isNeeded: boolean): Finding {
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
