/** How long `down` waits for a deployment that stays, and what it says. */
import { expect, it } from 'vitest';
import { DynamoError } from '../../../src/base/error.ts';
import type { Kubectl } from '../../../src/kubernetes/kubectl.ts';
import { goneWithinMs, takeDown } from '../../../src/kubernetes/take-down.ts';
import { virtualClock } from '../../support/clocks.ts';

/** Answers with a deployment that is being deleted, and stays. */
function stuck(finalizers: readonly string[]): Kubectl {
  const metadata = {
    name: 'agg',
    namespace: 'serving',
    uid: 'u',
    finalizers,
    deletionTimestamp: '2026-01-01T00:00:00Z',
    labels: { 'app.kubernetes.io/managed-by': 'dynamo' },
    managedFields: [{ manager: 'dynamo' }],
  };
  return {
    place: { namespace: 'serving' },
    run: async (words) => ({
      code: 0,
      stdout: JSON.stringify(words.includes('pods') ? { items: [] } : { metadata }),
      stderr: '',
    }),
    follow: () => {
      throw new Error('nothing is followed');
    },
    line: (...words) => ['kubectl', ...words].join(' '),
    clusterLine: (...words) => ['kubectl', ...words].join(' '),
  };
}

async function givesUp(finalizers: readonly string[]) {
  const clock = virtualClock();
  const said: string[] = [];
  const run = { graph: 'agg', uid: 'u', apiVersion: 'v1beta1' } as const;
  let error: unknown;
  const done = takeDown(stuck(finalizers), run, { clock, say: (text) => void said.push(text) }).catch(
    (seen: unknown) => (error = seen),
  );
  await clock.advance(goneWithinMs - 1_000);
  expect(error).toBeUndefined();
  await clock.advance(2_000);
  await done;
  if (!(error instanceof DynamoError)) throw new Error('it has not given up', { cause: error });
  return { error, said };
}

it('gives up after three minutes, and names who has to remove the finalizer', async () => {
  const { error, said } = await givesUp(['nvidia.com/finalizer', 'foregroundDeletion']);
  expect(error.code).toBe('left-behind');
  expect(error.message).toBe(
    "agg is being deleted, and is not gone after 3 min 0 s; it waits for Dynamo's operator, which removes the finalizer nvidia.com/finalizer.",
  );
  expect(error.hint).toContain('app.kubernetes.io/name=dynamo-operator');
  // The same words once a minute.
  expect(said).toHaveLength(3);
  expect(said[0]).toBe(
    'agg: still there: DynamoGraphDeployment agg (finalizers: nvidia.com/finalizer, foregroundDeletion)',
  );
});

it('without a finalizer of the operator, it says how to look at the deployment', async () => {
  const { error } = await givesUp(['foregroundDeletion']);
  expect(error.message).toBe('agg is being deleted, and is not gone after 3 min 0 s.');
  expect(error.hint).toBe('kubectl describe dynamographdeployment agg');
});
