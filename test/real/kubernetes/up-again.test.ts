/** `up` of a deployment that is there: it is changed if that is possible, and made anew only when a person agrees. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { dynamo, executable, type Session, start, startCommand, succeed } from '../../e2e/harness/cli.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { inCluster, play, whatIsThere } from './cluster-world.ts';
import { type ControlPlane, startControlPlane } from './harness.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane('1.5-main-2026-08-21', 'v1beta1');
}, 120_000);
afterAll(async () => await plane?.stop());

/** Makes the API server refuse a change, as the operator's webhook does since 1.5. */
async function freeze(namespace: string): Promise<void> {
  const name = `frozen-${namespace}`;
  const about = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name } };
  const rule = {
    apiGroups: ['nvidia.com'],
    apiVersions: ['*'],
    operations: ['UPDATE'],
    resources: ['dynamographdeployments'],
  };
  const here = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  await plane.kubectl(['create', '-f', '-'], {
    ...about,
    kind: 'ValidatingAdmissionPolicy',
    spec: {
      matchConstraints: { resourceRules: [rule], namespaceSelector: here },
      validations: [{ expression: 'object.spec == oldObject.spec', message: 'spec.components is immutable' }],
    },
  });
  await plane.kubectl(['create', '-f', '-'], {
    ...about,
    kind: 'ValidatingAdmissionPolicyBinding',
    spec: { policyName: name, validationActions: ['Deny'] },
  });
}

describe('up again', () => {
  test('changes what exists and keeps it on Ctrl-C; an immutable field needs consent', async ({ world }) => {
    const env = inCluster(world, plane);
    const namespace = await plane.namespace();
    const words = ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace];
    const first = start(world, words, { env });
    await play(plane, namespace, 'agg', { onNode: false });
    await first.until(/agg is applied/);
    const again = start(world, [...words, '--replicas', 'worker=2'], { env });
    await again.until(/agg existed and is changed/);
    process.kill(again.pid, 'SIGINT');
    const left = await again.ended;
    expect(left.code, left.stderr).toBe(130);
    expect(left.stderr).toContain('agg existed before, so it is kept; to delete it: dynamo down agg');
    const { spec } = await plane.json<{ spec: { components: { name: string; replicas: number }[] } }>([
      '-n',
      namespace,
      'get',
      'dgd',
      'agg',
    ]);
    expect(spec.components.find(({ name }) => name === 'worker')?.replicas).toBe(2);

    await freeze(namespace);
    const refusal = await until(
      'the policy to hold',
      async () => {
        const ended = await dynamo(world, [...words, '--replicas', 'worker=3', '--timeout', '0.1'], { env });
        return ended.code === 77 ? ended : undefined;
      },
      60_000,
    );
    expect(refusal.stderr).toContain('it has to be deleted and created again');
    expect(refusal.stderr).toContain('spec.components is immutable');
    expect(refusal.stderr).toContain('fix: dynamo down agg && dynamo up agg --on kubernetes');

    // A person is asked first.
    const change = [...words, '--replicas', 'worker=3'];
    const before = await uidOf(namespace);
    const no = inTerminal(world, change, env);
    await no.until(/Delete agg with all of its pods, and create it again\? \[y\/N\]/);
    no.child.stdin?.write('n\r');
    expect((await no.ended).code).toBe(77);
    expect(await uidOf(namespace)).toBe(before);
    const yes = inTerminal(world, change, env);
    await yes.until(/create it again\? \[y\/N\]/);
    yes.child.stdin?.write('y\r');
    await yes.until(/agg is re-created/);
    expect(await uidOf(namespace)).not.toBe(before);
    const gone = await first.ended;
    expect(gone.code, gone.stderr).toBe(1);
    expect(gone.stderr).toContain('agg was deleted on the cluster while it was coming up');
    yes.child.stdin?.write('\u0003');
    expect((await yes.ended).code).toBe(130);
    await succeed(world, ['down', 'agg'], { env });
    expect(await whatIsThere(plane, namespace)).toEqual([]);
  }, 240_000);
});

async function uidOf(namespace: string): Promise<string | undefined> {
  const path = `/apis/nvidia.com/v1beta1/namespaces/${namespace}/dynamographdeployments/agg`;
  return (await plane.api<{ metadata: { uid: string } }>('GET', path))?.metadata.uid;
}

function inTerminal(world: World, words: readonly string[], env: Readonly<Record<string, string>>): Session {
  const line = `stty cols 200 rows 50; exec node ${executable} ${words.join(' ')}`;
  return startCommand(world, ['script', '-qec', line, '/dev/null'], {
    env: { PATH: `${world.bin}:/usr/bin:/bin`, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}
