// `npm run bench`: our supervision beside that of others and beside a bare Node script, in one run, in turns. Asserts nothing.
//   npm run bench -- --only stop50,dynamo   quantities and targets by name
//   npm run bench -- --rounds 1             how often each is measured
//   npm run bench -- --write                puts the results into test/bench/README.md
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { crashRestart } from './crash-restart.js';
import { crashTeardown } from './crash-teardown.js';
import { descendants } from './descendants.js';
import { help } from './help.js';
import { history } from './history.js';
import { idle } from './idle.js';
import { logs } from './logs.js';
import { writePage } from './page.js';
import { readiness } from './readiness.js';
import { secondStart } from './second-start.js';
import { stalled } from './stalled.js';
import { start } from './start.js';
import { stopMany } from './stop-many.js';
import { stubborn } from './stubborn.js';
import { markdown, plain, tableOf } from './table.js';
import { many } from './many.js';
import { names, takePart } from './targets.js';
import { up } from './up.js';
import { upstream } from './upstream.js';

const quantities = [
  start,
  stopMany,
  stubborn,
  readiness,
  crashRestart,
  crashTeardown,
  descendants,
  secondStart,
  logs,
  stalled,
  idle,
];
/** The command line of `dynamo` itself, without others. */
const alone = { help, up, history, many, upstream };

/** A load above this over one minute means that the machine is busy and times are meaningless. */
const quietLoad = 3;
/** Targets that take longer than this per round are measured only once. */
const longMs = 8_000;

const { values: flags } = parseArgs({
  options: { only: { type: 'string' }, rounds: { type: 'string' }, write: { type: 'boolean' } },
});
const only = flags.only?.split(',') ?? [];
const wants = (known) => (name) => !only.some((each) => known.includes(each)) || only.includes(name);
const wantsQuantity = wants([...quantities.map(({ name }) => name), ...Object.keys(alone)]);
const wantsTarget = wants(names);

function add(samples, { name }, values) {
  const lists = samples.get(name) ?? {};
  for (const [key, value] of Object.entries(values)) lists[key] = [...(lists[key] ?? []), value].flat();
  samples.set(name, lists);
}

/** Round by round, with one target after the other in each. */
async function measure(quantity, targets, remarks) {
  const samples = new Map();
  const slow = new Set();
  const able = targets.filter(({ can }) => quantity.needs === undefined || can.includes(quantity.needs));
  const rounds = Number(flags.rounds ?? quantity.rounds);
  for (let round = 0; round < rounds; round++) {
    for (const target of able.filter(({ name }) => !slow.has(name))) {
      const begin = performance.now();
      try {
        add(samples, target, await quantity.measure(target));
      } catch (error) {
        remarks.push(`${quantity.name}, ${target.name}: ${error.message}`);
      }
      if (performance.now() - begin > longMs) slow.add(target.name);
    }
  }
  return samples;
}

const beganAt = Date.now();
const { present, missing } = await takePart(wantsTarget);
const load = loadavg()[0];
const remarks = [];
const machine = `Node ${process.versions.node}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'})`;
const report = [`${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC · ${machine}`];
const say = (text, inReport = text) => {
  console.log(text);
  report.push(inReport);
};
console.log(report[0]);
const called = ({ name, release, note }) => `${name} ${release}${note === undefined ? '' : ` (${note})`}`;
say(`Taking part: ${present.map(called).join(', ')}.`);
for (const { name, why } of missing) say(`Missing: ${name}, ${why}.`);

for (const quantity of quantities.filter(({ name }) => wantsQuantity(name))) {
  say(`\n${quantity.title} (${quantity.name})`, `### ${quantity.title}`);
  const samples = await measure(quantity, present, remarks);
  for (const [key, metric] of Object.entries(quantity.metrics)) {
    const cells = tableOf(metric, key, samples);
    const goal = metric.goal === undefined ? '' : `; goal: ${metric.goal}`;
    const title = `${metric.title}${metric.unit === '' ? '' : `, ${metric.unit}`}${goal}`;
    say(`  ${title}\n${plain(cells)}`, `${title}\n\n${markdown(cells)}`);
  }
}
for (const [name, bench] of Object.entries(alone).filter(
  ([key]) => wantsQuantity(key) && wantsTarget('dynamo'),
)) {
  say(`\n${name}`, `### \`dynamo\` itself: ${name}`);
  const lines = Object.entries(await bench()).map(([what, value]) => `${what}: ${value}`);
  say(lines.map((line) => `    ${line}`).join('\n'), lines.map((line) => `- ${line}`).join('\n'));
}
for (const remark of remarks) say(`Not measured: ${remark}.`);
const loads = [load, ...loadavg()].map((each) => each.toFixed(1));
const took = `It took ${Math.round((Date.now() - beganAt) / 1000)} s.`;
const valid = load <= quietLoad;
const verdict = valid ? 'valid' : `NOT VALID: others were at work (more than ${quietLoad})`;
say(`\nLoad average before: ${loads[0]}; after: ${loads.slice(1).join(', ')}. ${took} Times are ${verdict}.`);
if (flags.write) {
  if (valid) await writePage(report.map((each) => each.trim()).join('\n\n'));
  else console.log('test/bench/README.md stays as it was.');
}
