// Answers to the proof request of each profile: recorded from the embedded engine, imported from tests of the real one.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const cli = fileURLToPath(new URL('../../bin/dynamo.js', import.meta.url));

/** Starts the profile in a state folder of its own and returns its answer, shortened for the page. */
export async function recordOnSim(name, { path, body }) {
  const folder = await mkdtemp(join(tmpdir(), 'pages-'));
  const env = { ...process.env, XDG_STATE_HOME: folder, XDG_RUNTIME_DIR: folder };
  const dynamo = async (...words) =>
    await promisify(execFile)(process.execPath, [cli, ...words], { env, timeout: 120_000 });
  try {
    const { stdout } = await dynamo(
      'up',
      name,
      '--engine',
      'sim',
      '--http-port',
      await freePort(),
      '--detach',
      '--json',
    );
    const { url } = JSON.parse(stdout);
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { answer: forPage(JSON.parse(text.replaceAll(folder, '$XDG_STATE_HOME'))) };
  } finally {
    await dynamo('down', '--all', '--quiet');
    await rm(folder, { recursive: true, force: true });
  }
}

/** The answer of real SGLang in this folder (written by test/real/support/keep-answer.ts), if any. */
export async function takenOver(folder, name) {
  const text = await readFile(join(folder, `${name}.json`), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : { answer: forPage(JSON.parse(text)) };
}

/** Shortens vectors. */
function forPage(answer) {
  if (!Array.isArray(answer.data)) return answer;
  return {
    ...answer,
    data: answer.data.map((each) =>
      Array.isArray(each.embedding) && each.embedding.length > 4
        ? { ...each, embedding: [...each.embedding.slice(0, 3), `… ${each.embedding.length - 3} more`] }
        : each,
    ),
  };
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}
