// Takes the pictures of the page in docs/images: a disaggregated deployment on the embedded engine, under load, in a real
// Chromium. Needs Chromium, and fonts as on a desktop: apt-get install chromium fonts-inter fonts-jetbrains-mono.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { launch } from 'puppeteer-core';

const folder = 'docs/images';
/** Of one picture. */
const mostBytes = 150_000;
const loadMs = 75_000;

const root = mkdtempSync(join(tmpdir(), 'screenshots-'));
const env = { ...process.env, XDG_STATE_HOME: root, XDG_RUNTIME_DIR: root };
const dynamo = (...words) =>
  execFileSync(process.execPath, ['bin/dynamo.js', ...words], { env, encoding: 'utf8' });

const pictures = [
  { file: 'ui-overview.webp', view: 'overview', theme: 'dark', height: 960 },
  { file: 'ui-charts.webp', view: 'charts', theme: 'light', height: 900 },
  { file: 'ui-logs.webp', view: 'logs', theme: 'dark', height: 520 },
  { file: 'ui-requests.webp', view: 'requests', theme: 'light', height: 720, prepare: chooseRequest },
  { file: 'ui-playground.webp', view: 'playground', theme: 'dark', height: 640, prepare: chat },
];

mkdirSync(folder, { recursive: true });
const browser = await launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--hide-scrollbars'],
});
let page;
try {
  const words = ['--engine', 'sim', '--detach', '--ui', '--name', 'disagg', '--json'];
  const { url, model } = JSON.parse(dynamo('up', 'disagg_router', ...words));
  page = spawn(process.execPath, ['bin/dynamo.js', 'ui', '--no-browser', '--port', '0'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const link = await new Promise((resolve) =>
    page.stdout.once('data', (text) => resolve(String(text).trim())),
  );
  const loaded = load(url, model);
  // In the middle of it, so that charts show what a restart does.
  await delay(loadMs / 2);
  dynamo('restart', 'decode-1');
  await delay(loadMs / 2 - 10_000);
  for (const picture of pictures) await take(link, picture);
  await loaded;
} finally {
  await browser.close();
  page?.kill();
  dynamo('down', '--all', '--quiet');
  rmSync(root, { recursive: true, force: true });
}

async function take(link, { file, view, theme, height, prepare }) {
  const tab = await browser.newPage();
  await tab.setViewport({ width: 1280, height, deviceScaleFactor: 1.5 });
  await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
  await tab.goto(link);
  await tab.waitForSelector('.tabs');
  await tab.evaluate((name) => (location.hash = `#//${name}`), view);
  await delay(2_500);
  await prepare?.(tab);
  const path = join(folder, file);
  await tab.screenshot({ path, type: 'webp', quality: 72 });
  await tab.close();
  const { size } = statSync(path);
  if (size > mostBytes) throw new Error(`${path} has ${size} bytes, more than ${mostBytes}`);
  console.log(`${path}: ${Math.round(size / 1000)} kB`);
}

async function chooseRequest(tab) {
  await tab.click('.requests tbody tr:nth-child(3)');
  await delay(600);
}

async function chat(tab) {
  await tab.click('.ideas button');
  // Without the caret: the answer is whole.
  await tab.waitForFunction(
    () => document.querySelector('.turn.assistant small') && !document.querySelector('.caret'),
  );
}

/** Prompts that share beginnings, so that the router has something to choose. */
async function load(url, model) {
  const end = Date.now() + loadMs;
  const topics = ['prefill and decode', 'a router that knows the caches', 'the transfer of a KV cache'];
  const ask = async (topic, turn) => {
    const text = `${`You are an expert for ${topic}. `.repeat(30)} Question ${turn}: what limits it?`;
    const body = {
      model,
      stream: true,
      max_tokens: 20 + (turn % 5) * 12,
      messages: [{ role: 'user', content: text }],
    };
    const headers = { 'content-type': 'application/json' };
    // While a worker restarts, a request may fail.
    await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(body) })
      .then((response) => response.text())
      .catch(() => {});
    await delay(40 + 120 * Math.abs(Math.sin(Date.now() / 9_000)));
  };
  const client = async (topic) => {
    for (let turn = 0; Date.now() < end; turn++) await ask(topic, turn);
  };
  await Promise.all(topics.map(client));
}
