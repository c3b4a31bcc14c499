// What earlier runs cost: `up` after runs whose supervisor died, and `ps` beside runs that have ended. In pairs with an
// empty state folder.
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli, median, timed, withOwnState } from './measure.js';

const dead = 100;
const ended = 500;
const rounds = 7;

/** Copies an ended run; `change` gets the text of its record. */
function multiply(runs, count, change = (text) => text) {
  const [model] = readdirSync(runs);
  for (let i = 0; i < count; i++) {
    const runId = `${model.replace(/-[^-]+$/, '')}-c${i}`;
    const folder = join(runs, runId);
    cpSync(join(runs, model), folder, { recursive: true });
    for (const file of ['run.json', 'plan.json', 'ledger.jsonl']) {
      const text = readFileSync(join(folder, file), 'utf8').replaceAll(model, runId);
      writeFileSync(join(folder, file), file === 'run.json' ? change(text) : text);
    }
  }
}

/** As if the supervisor had been killed with all that it had started. */
const asDead = (text) => text.replace(/,\s*"endedAt": \d+/, '');

async function run(env, ...words) {
  const { ms, code } = await timed(process.execPath, [cli, ...words], { env });
  if (code !== 0) throw new Error(`dynamo ${words.join(' ')} ended with ${code}`);
  return ms;
}

const textOf = (list) => `${median(list).toFixed(0)} ms (worst ${Math.max(...list).toFixed(0)})`;

export async function history() {
  return await withOwnState(async (env) => {
    const runs = join(env.XDG_STATE_HOME, 'dynamo', 'runs');
    const empty = () => readdirSync(runs).forEach((name) => rmSync(join(runs, name), { recursive: true }));
    const upAndDown = async () => {
      const tookMs = await run(env, 'up', 'agg', '--engine', 'sim', '--detach');
      await run(env, 'down');
      return tookMs;
    };
    await upAndDown();
    const times = { alone: [], dead: [], none: [], ended: [] };
    for (let i = 0; i < rounds; i++) {
      empty();
      times.alone.push(await upAndDown());
      times.none.push(await run(env, 'ps'));
      multiply(runs, dead, asDead);
      times.dead.push(await upAndDown());
      empty();
      await upAndDown();
      multiply(runs, ended);
      times.ended.push(await run(env, 'ps'));
    }
    return {
      'up with nothing behind it': textOf(times.alone),
      [`up with ${dead} dead runs behind it`]: textOf(times.dead),
      'goal for up': '≤ 500 ms more',
      'ps with one ended run': textOf(times.none),
      [`ps with ${ended} ended runs`]: textOf(times.ended),
      'goal for ps': '≤ 200 ms',
    };
  });
}
