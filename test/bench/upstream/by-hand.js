// The minimum that upstream's processes need: those of a plan, started by hand in dependency order and polled every
// 10 ms, without verification or records. Shares no code with src.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { request } from 'node:http';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../launched.js';

const pollMs = 10;
const patienceMs = 120_000;

/**
 * Waits until both workers have counted the proof request. Returns the processes, the time taken, and how much of it
 * came after the last was ready, in milliseconds.
 */
export async function startByHand(plan) {
  await makeFolders(plan);
  const beganAt = now();
  const children = new Map();
  const starting = plan.processes.map(async (spec) => {
    for (const { process: name } of spec.dependsOn) {
      const other = plan.processes.find((each) => each.name === name);
      await untilTrue(`${name} is ready`, () => isReady(other.probe));
    }
    children.set(spec.name, startOne(plan, spec));
    await untilTrue(`${spec.name} is ready`, () => isReady(spec.probe));
  });
  try {
    await Promise.all(starting);
    const readyAt = now();
    await untilTrue('the frontend lists the model', async () =>
      (await ask(`${plan.http.url}/v1/models`)).body.includes(`"${plan.model.servedName}"`),
    );
    await untilTrue('every role has answered', async () => (await answers(plan)) && (await allCounted(plan)));
    return { children, ms: now() - beganAt, provingMs: now() - readyAt };
  } catch (error) {
    for (const child of children.values()) child.kill('SIGKILL');
    throw error;
  }
}

/**
 * Stops in the order of the plan, wave by wave. Returns how long each process took after SIGTERM, in milliseconds, by
 * wave.
 */
export async function stopByHand({ stopOrder }, { children }) {
  const waves = [];
  for (const wave of stopOrder) {
    const stopping = wave.map(async (name) => {
      const child = children.get(name);
      const gone = new Promise((resolve) => child.once('exit', resolve));
      const askedAt = now();
      child.kill('SIGTERM');
      await gone;
      return now() - askedAt;
    });
    waves.push(await Promise.all(stopping));
  }
  return waves;
}

async function makeFolders({ discovery, temporaryFolder, modelLink, processes }) {
  const folders = [discovery.folder, temporaryFolder, dirname(modelLink.path)];
  for (const folder of [...folders, ...processes.map(({ logFile }) => dirname(logFile))]) {
    await mkdir(folder, { recursive: true });
  }
  await symlink(modelLink.target, modelLink.path);
}

function startOne({ scrubbed }, { argv, env, cwd, logFile }) {
  const log = openSync(logFile, 'a');
  const inherited = Object.entries(process.env).filter(([name]) => !scrubbed.includes(name));
  const child = spawn(argv[0], argv.slice(1), {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', log, log],
    // As a launcher does: the kernel gives each session its share of CPU time.
    detached: true,
  });
  closeSync(log);
  return child;
}

async function isReady({ url, endpoint }) {
  const { status, body } = await ask(url);
  return endpoint === undefined ? status === 200 : JSON.parse(body).endpoints?.[endpoint] === 'ready';
}

async function answers({ http, model, proof }) {
  const { body } = await ask(`${http.url}/v1/chat/completions`, {
    model: model.servedName,
    messages: [{ role: 'user', content: proof.prompt }],
    max_tokens: proof.maxTokens,
  });
  return JSON.parse(body).usage?.completion_tokens > 0;
}

async function allCounted({ processes }) {
  const urls = processes.filter(({ ports }) => ports.system !== undefined).map(({ probe }) => probe.url);
  const pages = await Promise.all(urls.map(async (url) => await ask(url.replace(/health$/, 'metrics'))));
  return pages.every(({ body }) => /^dynamo_component_requests_total\{.*"generate".*\} [1-9]/m.test(body));
}

/** With Node's cheapest means: `fetch` uses as much CPU as a starting mocker. */
function ask(url, sent) {
  return new Promise((resolve, reject) => {
    const headers = sent === undefined ? {} : { 'content-type': 'application/json' };
    const call = request(
      url,
      { agent: false, headers, method: sent === undefined ? 'GET' : 'POST' },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (part) => (body += part));
        response.on('end', () => resolve({ status: response.statusCode, body })).on('error', reject);
      },
    );
    call.on('error', reject);
    call.end(sent === undefined ? undefined : JSON.stringify(sent));
  });
}

async function untilTrue(what, check) {
  const deadline = now() + patienceMs;
  while (!(await check().catch(() => false))) {
    if (now() > deadline) throw new Error(`${what}: not within ${patienceMs / 1000} s`);
    await delay(pollMs);
  }
}
