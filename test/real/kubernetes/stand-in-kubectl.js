// kubectl for tests: `port-forward` and `logs` need a kubelet, which the control plane of the tests has not, and are
// played here; everything else is the real kubectl. argv: FOLDER REAL-KUBECTL WORDS…
//   FOLDER/forwards.json   {"svc/agg-frontend": 18000}: where a forward leads on this host
//   FOLDER/POD.log         what the pod wrote; FOLDER/POD.previous.log: in its life before
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

const [folder, real, ...words] = process.argv.slice(2);
const at = words.findIndex((word) => word === 'port-forward' || word === 'logs');
const rest = words.slice(at + 1);
if (at < 0 || words.includes('can-i')) {
  const { status } = spawnSync(real, words, { stdio: 'inherit' });
  process.exit(status ?? 128);
}
if (words[at] === 'logs') await logs();
else forward();

async function logs() {
  const [pod] = rest;
  const file = join(folder, rest.includes('--previous') ? `${pod}.previous.log` : `${pod}.log`);
  if (!existsSync(file)) {
    process.stderr.write(`Error from server (BadRequest): no log of ${pod}\n`);
    process.exit(1);
  }
  let shown = 0;
  const show = () => {
    if (!existsSync(file) || statSync(file).size === shown) return;
    const text = readFileSync(file, 'utf8');
    process.stdout.write(text.slice(shown));
    shown = text.length;
  };
  show();
  while (rest.includes('-f') && existsSync(file)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    show();
  }
}

function forward() {
  const [target, ports] = rest.slice(rest.indexOf('127.0.0.1') + 1);
  const [local, remote] = ports.split(':');
  const leadsTo = JSON.parse(readFileSync(join(folder, 'forwards.json'), 'utf8'))[target];
  if (leadsTo === undefined) {
    process.stderr.write(`error: unable to forward to ${target}\n`);
    process.exit(1);
  }
  const server = createServer((socket) => {
    const other = connect(leadsTo, '127.0.0.1');
    for (const [one, two] of [
      [socket, other],
      [other, socket],
    ]) {
      one.on('error', () => two.destroy());
      one.pipe(two);
    }
  });
  server.listen(Number(local || 0), '127.0.0.1', () => {
    process.stdout.write(`Forwarding from 127.0.0.1:${server.address().port} -> ${remote}\n`);
  });
}
