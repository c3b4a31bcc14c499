/** The counters of the deployment tell of the requests that were made. */
import { proofRequest } from '../../plan/proof-request.ts';
import { chatStream } from '../chat.ts';
import type { SmokeCase } from '../case.ts';
import { wrong } from '../verdict.ts';
import type { Client } from '../client.ts';
import { ofFrontend, requestsByRole } from '../counters.ts';
import { answersText, rolesOf, type Target } from '../target.ts';

const countedWithinMs = 5_000;
const whole = 3;

export const metrics: SmokeCase = {
  name: 'metrics',
  // Generating images and videos again only to count them would cost minutes.
  fits: (target) => answersText(target) || target.proof.request === 'embedding',
  run: async (client, target) => {
    const before = await counts(client, target);
    const made = await makeRequests(client, target);
    const seen = async () => {
      const after = await counts(client, target);
      return after.map((count, i) => count - (before[i] ?? 0));
    };
    await client.eventually(
      countedWithinMs,
      async () => (await seen()).every((rise) => rise >= made) || undefined,
    );
    const [frontend = 0, worker] = await seen();
    const text = `frontend ${frontend}${worker === undefined ? '' : `, workers ${worker}`}`;
    const rises = worker === undefined ? [frontend] : [frontend, worker];
    // Others may be sending requests to a deployment that is not ours.
    const matches = rises.every((rise) => (target.ours ? rise === made : rise >= made));
    if (!matches) wrong(`${made} requests were made, counted were: ${text}`);
    return `${made} requests, counted: ${text}`;
  },
};

async function makeRequests(client: Client, target: Target): Promise<number> {
  const { path, body } = proofRequest(target.proof, target.model);
  for (let i = 0; i < whole; i++) await client.ask(path, body);
  if (!answersText(target)) return whole;
  await chatStream(client, target, 'Piece by piece.');
  return whole + 1;
}

/** Answered requests at the frontend and, where one worker makes an answer alone, those at the workers. */
async function counts(client: Client, target: Target): Promise<number[]> {
  const frontend = await ofFrontend(client, 'dynamo_frontend_requests_total', { status: 'success' });
  if (rolesOf(target).length !== 1) return [frontend];
  const byRole = await requestsByRole(client, target);
  return [frontend, [...byRole.values()].reduce((sum, count) => sum + count, 0)];
}
