/** D30: Docker can be used, and holds no container of a dead run and no image that is gone. */
import { type Check, ok, type Finding, skip, warn } from '../check.ts';
import type { HostView, Output } from '../host-view.ts';
import { countText } from '../sizes.ts';

/** Ports of etcd and NATS. */
const infraPorts = /:(2379|4222)->/;
/** Set by dynamo on every container that it starts; its value is the id of the run. */
const label = 'dynamo.run';

export const docker: Check = {
  id: 'D30',
  name: 'docker',
  title: 'Docker can be used and holds nothing of a dead run',
  severity: 'warn',
  look: async (host) => {
    const asked = await host.run('docker', ['version', '--format', '{{.Server.Version}}']);
    if (asked === undefined) return skip('docker is not on PATH: --infra docker cannot be used here');
    if (asked.code !== 0) return unreachable(asked, host.subject?.infra === 'docker');
    const version = asked.stdout.trim();
    const format = `{{.Names}}\t{{.Image}}\t{{.Ports}}\t{{.Label "${label}"}}`;
    const listed = await host.run('docker', ['ps', '-a', '--format', format]);
    if (listed?.code !== 0) return skip(`Docker ${version} answers, its containers cannot be listed`);
    const containers = parse(listed.stdout);
    return (await deadOnes(host, containers)) ?? goneImages(containers) ?? ok(summary(version, containers));
  },
};

interface Container {
  readonly name: string;
  readonly image: string;
  readonly ports: string;
  readonly runId: string;
}

function parse(text: string): Container[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [name = '', image = '', ports = '', runId = ''] = line.split('\t');
      return { name, image, ports, runId };
    });
}

/** Nobody is told to start what nothing uses. */
function unreachable({ stderr }: Output, isNeeded: boolean): Finding {
  const reason = stderr.trim().split('\n')[0] ?? '';
  if (!isNeeded) return skip(`only --infra docker needs it, and its daemon does not answer: ${reason}`);
  const fix = /permission denied/i.test(reason)
    ? 'sudo usermod -aG docker "$USER"   # then log in again'
    : 'sudo systemctl start docker   # or do without: --infra process';
  return warn(`docker is here, its daemon is not: ${reason}`, fix);
}

async function deadOnes(host: HostView, containers: readonly Container[]): Promise<Finding | undefined> {
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

/** Source: upstream/pains-and-doctor.md pain 43: the images of bitnami were withdrawn. */
function goneImages(containers: readonly Container[]): Finding | undefined {
  const gone = containers.find(({ image }) => /(^|\/)bitnami\/etcd/.test(image));
  return (
    gone &&
    warn(`${gone.name} uses ${gone.image}, which is no longer published`, 'use quay.io/coreos/etcd instead')
  );
}

function summary(version: string, containers: readonly Container[]): string {
  const foreign = containers.filter(({ ports, runId }) => runId === '' && infraPorts.test(ports));
  const note = foreign.map(({ name, ports }) => `; ${name} publishes ${ports}`).join('');
  return `Docker ${version}, ${countText(containers.length, 'container')}, none of a dead run${note}`;
}
