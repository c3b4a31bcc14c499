/** Saves answers of real SGLang for the pages of profiles: `node scripts/profile-pages.js --take FOLDER`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServingPlan } from '../../../src/plan/plan.ts';
import { proofRequest } from '../../../src/plan/proof.ts';
import type { Running } from '../../e2e/harness/deployment.ts';
import type { World } from '../../e2e/harness/world.ts';

/**
 * If KEEP_ANSWERS names a folder, sends the proof request again and saves the answer there under the name of the
 * profile.
 */
export async function keepAnswer(
  world: World,
  profile: string,
  { runId, model, url }: Running,
): Promise<void> {
  const folder = process.env['KEEP_ANSWERS'];
  if (folder === undefined) return;
  const plan = JSON.parse(
    readFileSync(join(world.state, 'dynamo', 'runs', runId, 'plan.json'), 'utf8'),
  ) as ServingPlan;
  if (plan.proof === undefined) throw new Error(`${profile} proves nothing`);
  const { path, body } = proofRequest(plan.proof, model);
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${profile}.json`), text.replaceAll(world.state, '$XDG_STATE_HOME'));
}
