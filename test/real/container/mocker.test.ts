/** Real software in containers: upstream's frontend and mocker, in an image of an environment of this host. */
import { expect } from 'vitest';
import { readEnvironment } from '../../../src/python/read-environment.ts';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
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

/** Has Python, and no Dynamo. */
const sglang = 'lmsysorg/sglang:v0.5.9';

const daemon = daemonOfFile(startDocker, async (one) => {
  await importPython(one, environment, image);
  await importPython(one, environment, sglang, true);
});

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

test(
  'a build that is mounted into an image without Dynamo serves, and leaves nothing',
  { timeout: 600_000 },
  async ({ world }) => {
    const words = ['--engine', 'mocker', '--runtime', 'docker', '--image', sglang];
    const without = await dynamo(world, ['plan', 'agg', ...words], { env: daemon().env });
    expect([without.code, without.stderr]).toEqual([64, expect.stringContaining('--python FOLDER')]);
    const wrong = await dynamo(world, ['plan', 'agg', ...words, '--python', world.work], {
      env: daemon().env,
    });
    expect([wrong.code, wrong.stderr]).toEqual([78, expect.stringContaining('built in the image')]);
    const { runId, proof } = await up(world, 'agg', [...words, '--python', environment], {
      env: daemon().env,
    });
    expect(proof.answer).not.toBe('');
    const info = (await daemon().ask('GET', `/containers/dynamo-${runId}-worker/json`)) as {
      Config: { Image: string };
      Mounts: { Source: string; Destination: string; RW: boolean }[];
    };
    expect(info.Config.Image).toBe(sglang);
    expect(info.Mounts).toContainEqual(
      expect.objectContaining({ Source: environment, Destination: environment, RW: false }),
    );
    await succeed(world, ['down', '--quiet']);
    expect(await daemon().everything()).toEqual([]);
  },
);
