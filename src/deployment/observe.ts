/** What this host has to observe a run with: its Prometheus, or images for one, for Tempo and for Grafana. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { findProgram, foldersOf } from '../host/program.ts';
import { shippedFolder, ownCommand } from '../package/self.ts';
import { type ImageName, imageOf, observerImages, orElse } from '../plan/container.ts';
import { containerBeside, type GrafanaParts, readOnly } from '../plan/grafana.ts';
import type { PrometheusProgram } from '../plan/observe.ts';
import type { Observers } from '../plan/observers.ts';
import type { HostFacts, PlanOptions } from '../plan/request.ts';

/** Where people unpack it. */
const furtherFolders = ['/usr/local/bin', '/opt/prometheus'];

type Asked = Pick<PlanOptions, 'grafana' | 'images'>;

export function prometheusPath({ PATH }: Environment): string | undefined {
  return findProgram('prometheus', [...foldersOf(PATH), ...furtherFolders]);
}

/** The images that are needed; none without `--grafana`. */
export function observerReferences({ grafana, images = {} }: Asked, environment: Environment): string[] {
  if (grafana !== true) return [];
  const names = ['tempo', 'grafana', ...(prometheusPath(environment) === undefined ? ['prometheus'] : [])];
  return (names as (keyof typeof observerImages)[]).map((name) =>
    imageOf(observerImages[name], images, environment),
  );
}

/** Throws `unavailable` if this host lacks what was asked for. */
export function observersHere(asked: Asked, host: HostFacts): Observers {
  const receiver = [...ownCommand(), 'receive-traces'];
  const path = prometheusPath(host.environment);
  if (asked.grafana !== true) {
    if (path === undefined) throw noPrometheus();
    return { receiver, prometheus: { path } };
  }
  const grafana = grafanaHere(asked, host);
  return { receiver, grafana, prometheus: path === undefined ? inImage(asked, host, grafana) : { path } };
}

function grafanaHere(asked: Asked, host: HostFacts): GrafanaParts {
  const { daemon, problem } = host.infra.containers ?? {};
  if (daemon === undefined)
    throw lacking(problem?.words ?? 'there is no Docker daemon', problem?.fix ?? 'docker info');
  if (daemon.hostNetworkIsOwn === true)
    throw lacking(
      'rootless Docker isolates its containers from the network of this host',
      'docker context use default   # a daemon of root, or Podman',
    );
  const more = host.environment.DYNAMO_GRAFANA_BOARDS;
  if (more && !existsSync(more))
    throw new DynamoError('environment', `DYNAMO_GRAFANA_BOARDS=${more}: there is no such folder.`, {
      hint: 'unset DYNAMO_GRAFANA_BOARDS',
      fields: { variable: 'DYNAMO_GRAFANA_BOARDS', file: more },
    });
  return {
    images: { tempo: image('tempo', asked, host), grafana: image('grafana', asked, host) },
    boards: [join(shippedFolder(host.environment), 'assets', 'grafana'), ...(more ? [more] : [])],
    user: daemon.user,
  };
}

function inImage(asked: Asked, host: HostFacts, { user }: GrafanaParts): PrometheusProgram {
  return {
    image: image('prometheus', asked, host),
    contain: ({ image: reference, dataFolder, files }) =>
      containerBeside(reference, user, [
        { source: dataFolder, target: dataFolder, readOnly: false },
        ...files.map(readOnly),
      ]),
  };
}

function image(name: ImageName & keyof typeof observerImages, asked: Asked, host: HostFacts): string {
  const reference = imageOf(observerImages[name], asked.images ?? {}, host.environment);
  const problem = host.infra.containers?.images[reference]?.problem;
  if (problem !== undefined) throw lacking(problem.words, problem.fix);
  return reference;
}

function lacking(words: string, fix: string): DynamoError {
  return new DynamoError('unavailable', `--grafana: ${words}.`, {
    hint: orElse(fix, '--observe   # Prometheus only; dynamo ui shows traces'),
    fields: { option: '--grafana' },
  });
}

function noPrometheus(): DynamoError {
  return new DynamoError('unavailable', '--observe needs Prometheus, which is not on this host.', {
    hint: 'sudo apt-get install prometheus   # or give the list to yours: dynamo targets --write FILE --follow',
    fields: { option: '--observe', program: 'prometheus' },
  });
}
