// process-compose: YAML (JSON is valid YAML); probes in whole seconds; SIGKILL only with a stop time-out.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readEvents } from '../launched.js';
import { findProgram, shellLine, versionOf } from './find.js';

const path = findProgram('process-compose');
const policies = { stay: 'no', restart: 'always', teardown: 'exit_on_failure' };

const probe = (port) => ({
  http_get: { host: '127.0.0.1', port: String(port), path: '/health' },
  period_seconds: 1,
});

function processOf({ port, argv }, { stopGraceMs, onCrash, watchReady }) {
  return {
    command: shellLine(argv),
    availability: { restart: policies[onCrash], backoff_seconds: 1 },
    shutdown: { timeout_seconds: Math.ceil(stopGraceMs / 1000) },
    ...(watchReady ? { readiness_probe: probe(port) } : {}),
  };
}

/** It starts when readiness is detected: its time stamp says when. */
function follower({ name }, { program, eventsFile }) {
  return {
    command: shellLine([program, eventsFile, `after-${name}`]),
    depends_on: { [name]: { condition: 'process_healthy' } },
  };
}

export const processCompose = {
  name: 'process-compose',
  path,
  can: ['restart', 'teardown', 'readiness'],
  version: () => versionOf(path, ['version']),
  prepare: async (plan) => {
    const { folder, children, timeReadiness } = plan;
    const processes = Object.fromEntries([
      ...children.map((child) => [child.name, processOf(child, plan)]),
      ...(timeReadiness ? children.map((child) => [`after-${child.name}`, follower(child, plan)]) : []),
    ]);
    await writeFile(join(folder, 'pc.yaml'), JSON.stringify({ version: '0.5', processes }));
    const argv = [path, 'up', '-t=false', '--no-server', '-f', join(folder, 'pc.yaml')];
    return { argv, env: { PC_LOG_FILE: join(folder, 'pc.log'), HOME: folder } };
  },
  readyTimes: ({ eventsFile }) =>
    new Map(
      readEvents(eventsFile)
        .filter(({ kind, name }) => kind === 'S' && name.startsWith('after-'))
        .map(({ name, realMs }) => [name.slice('after-'.length), realMs]),
    ),
};
