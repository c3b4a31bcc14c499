/** Real software in containers: upstream's frontend and mocker, in an image of an environment of this host. */
import { expect } from 'vitest';
import { readEnvironment } from '../../../src/python/read-environment.ts';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, requestsOf, up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { startDocker } from '../support/docker.ts';
import { daemonOfFile } from '../support/file-daemon.ts';
import { pythonFolders } from '../support/python.ts';
import { importPython } from '../support/python-image.ts';

/** The first is enough: differences between versions are tested with processes. */
const [environment = ''] = pythonFolders('mocker');
const { dynamo: version } = readEnvironment(environment, 'python3', undefined);
const image = `dynamo-mocker:${version}`;

const daemon = daemonOfFile(startDocker, async (one) => await importPython(one, environment, image));

test(
  'disagg serves from containers of real software, and leaves nothing',
  {
    timeout: 600_000,
  },
  async ({ world }) => {
    const more = ['--engine', 'mocker', '--runtime', 'docker', '--image', `runtime=${image}`];
    const running = await up(world, 'disagg', more, { env: daemon().env });
    expect([...running.proof.usedRoles].toSorted()).toEqual(['decode', 'prefill']);
    expect(await daemon().everything()).toHaveLength(3);
    expect(await requestsOf(running, 'prefill')).toBeGreaterThan(0);
    const [run] = await ps(world);
    expect(run?.processes.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
    const { stderr } = await succeed(world, ['down']);
    expect(stderr).toContain('nothing is left');
    expect(stderr).not.toContain('SIGKILL');
  },
);
