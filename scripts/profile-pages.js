// Writes docs/profiles/<name>.md, one page per profile, from the profile and its plan. The same on every host.
//   --check           fails if a page is stale
//   --record          first asks the embedded engine again (needs dist); answers are kept in docs/profiles/answers.json
//   --take FOLDER     imports answers of real SGLang from KEEP_ANSWERS=FOLDER npm run test:sglang
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pageOf } from './profile-pages/page.js';
import { planner, planOf, shippedProfiles } from './profile-pages/plans.js';
import { recordOnSim, takenOver } from './profile-pages/record.js';
import { unknownIds } from './profile-pages/troubleshooting.js';

const folder = fileURLToPath(new URL('../docs/profiles/', import.meta.url));
const answersFile = `${folder}answers.json`;
const { values: flags } = parseArgs({
  options: { check: { type: 'boolean' }, record: { type: 'boolean' }, take: { type: 'string' } },
});

const product = await planner();
const profiles = await shippedProfiles(product);
const answers = JSON.parse(await readFile(answersFile, 'utf8'));
const faults = unknownIds(product).map(
  (id) => `scripts/profile-pages/troubleshooting.js: no such rule or check: ${id}`,
);

const pages = new Map();
for (const profile of profiles) {
  const { name } = profile;
  const plan = planOf(product, profile);
  const request = product.proofRequest(plan.proof, plan.model.servedName);
  const sim = flags.record === true ? await recordOnSim(name, request) : undefined;
  const sglang = flags.take === undefined ? undefined : await takenOver(flags.take, name);
  answers[name] = { ...answers[name], ...(sim && { sim }), ...(sglang && { sglang }) };
  pages.set(`${name}.md`, pageOf(profile, plan, request, answers[name]));
}

await mkdir(folder, { recursive: true });
for (const file of await readdir(folder)) {
  if (file.endsWith('.md') && !pages.has(file)) faults.push(`docs/profiles/${file}: no such profile`);
}
for (const [file, text] of pages) {
  if ((await readFile(folder + file, 'utf8').catch(() => '')) === text) continue;
  if (flags.check === true) faults.push(`docs/profiles/${file} is stale: run node scripts/profile-pages.js`);
  else await writeFile(folder + file, text);
}
if (flags.check !== true) await writeFile(answersFile, `${JSON.stringify(answers, undefined, 2)}\n`);
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
