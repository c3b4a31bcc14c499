// A minimal launcher in Node: starts processes, forwards output, polls every 50 ms, stops. `node launcher.js PLAN`.
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { get } from 'node:http';

const { children, stopGraceMs, onCrash, watchReady, readyFile } = JSON.parse(
  readFileSync(process.argv[2], 'utf8'),
);
const living = new Set();
let stopping = false;

function start(child) {
  const { argv } = child;
  const running = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  living.add(running);
  running.stdout.on('data', (chunk) => process.stdout.write(chunk));
  running.on('exit', () => {
    living.delete(running);
    if (stopping && living.size === 0) process.exit(0);
    if (!stopping && onCrash === 'restart') start(child);
    if (!stopping && onCrash === 'teardown') stop();
  });
  if (watchReady) ask(child);
}

function ask({ name, port }) {
  const again = () => setTimeout(() => ask({ name, port }), 50);
  get({ host: '127.0.0.1', port, path: '/health', agent: false }, (response) => {
    response.resume();
    if (response.statusCode === 200) appendFileSync(readyFile, `${name} ${Date.now()}\n`);
    else again();
  }).on('error', again);
}

function stop() {
  stopping = true;
  for (const child of living) child.kill('SIGTERM');
  setTimeout(() => living.forEach((child) => child.kill('SIGKILL')), stopGraceMs).unref();
  if (living.size === 0) process.exit(0);
}

process.on('SIGTERM', stop);
children.forEach(start);
