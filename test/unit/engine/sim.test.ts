/** How the embedded engine is started. */
import { expect, test } from 'vitest';
import { decidingVariables, dynamoVariables } from '../../../src/engine/dynamo-variables.ts';
import { type LocalDeployment, loopback } from '../../../src/engine/engine.ts';
import { sim } from '../../../src/engine/sim.ts';
import type { WorkerSpec } from '../../../src/profile/profile.ts';
import { frontend, profileOf, worker } from '../../support/profile.ts';

const engine = sim.make(['/node', '/sim.js']);

function deploymentOf(components: Record<string, unknown>): LocalDeployment {
  const profile = profileOf({ namespace: 'home', components: { frontend, ...components } });
  return {
    target: 'local',
    network: loopback,
    profile,
    modelPath: 'tiny/model',
    servedModelName: 'served',
    discovery: { backend: 'file', folder: '/run/discovery' },
    events: 'zmq',
    http: { host: '127.0.0.1', port: 8000 },
    mediaFolder: '/run/media',
  };
}

function workerLaunch(spec: Record<string, unknown>, rawArgs: string[] = []) {
  const deployment = deploymentOf({ w: spec });
  const replica = {
    name: 'w',
    spec: deployment.profile.components.w as WorkerSpec,
    ports: { system: 10_001, bootstrap: 10_002 },
    gpus: [],
    rawArgs,
  };
  return engine.worker(replica, deployment);
}

test('a prefill worker has a bootstrap port, others only a status port', () => {
  const { profile } = deploymentOf({ a: worker('prefill'), b: worker('decode') });
  expect(engine.portsOf(profile.components.a as WorkerSpec)).toEqual(['system', 'bootstrap']);
  expect(engine.portsOf(profile.components.b as WorkerSpec)).toEqual(['system']);
});

test('every variable that lets processes find each other is set', () => {
  expect(dynamoVariables(deploymentOf({}))).toEqual({
    DYN_DISCOVERY_BACKEND: 'file',
    DYN_FILE_KV: '/run/discovery',
    DYN_NAMESPACE: 'home',
    DYN_REQUEST_PLANE: 'tcp',
    DYN_EVENT_PLANE: 'zmq',
    DYN_TCP_RPC_HOST: '127.0.0.1',
    DYN_SDK_DISABLE_ANSI_LOGGING: '1',
  });
});

test('a worker listens on loopback, on its planned ports', () => {
  const { command, args, env } = workerLaunch(worker('prefill', { pageSize: 16, kvEvents: true }), [
    '--crash-after',
    '1',
  ]);
  expect(env).toMatchObject({ DYN_SYSTEM_HOST: '127.0.0.1', DYN_SYSTEM_PORT: '10001' });
  expect([...command, ...args].join(' ')).toBe(
    '/node /sim.js worker --mode prefill --model-path tiny/model --served-model-name served --page-size 16 ' +
      '--bootstrap-port 10002 --kv-events --crash-after 1',
  );
});

test.each(['image', 'video'])(
  'an %s worker gets the media folder of the run, or that of the profile',
  (mode) => {
    expect(workerLaunch(worker(mode)).args).toContain('/run/media');
    expect(workerLaunch(worker(mode, { media: { fsUrl: 'file:///data/media' } })).args).toContain(
      '/data/media',
    );
    expect(workerLaunch(worker('decode')).args).not.toContain('--media-dir');
  },
);

test('the frontend gets its address and its router', () => {
  const deployment = deploymentOf({
    frontend: { kind: 'frontend', router: { mode: 'kv', kvEvents: false } },
  });
  const spec = deployment.profile.components.frontend;
  expect(spec?.kind === 'frontend' && engine.frontend(spec, deployment).args).toEqual([
    '--http-host=127.0.0.1',
    '--http-port=8000',
    '--router-mode=kv',
    '--no-router-kv-events',
  ]);
});

test('variables that change behaviour are listed in order, but not log levels', () => {
  const environment = {
    NATS_SERVER: 'x',
    DYN_SYSTEM_PORT: '1',
    DYN_LOG: 'debug',
    DYN_LOGGING_JSONL: '1',
    DYNAMO_HOME: 'x',
    HOME: '/',
  };
  expect(decidingVariables(environment)).toEqual(['DYN_SYSTEM_PORT', 'NATS_SERVER']);
});
