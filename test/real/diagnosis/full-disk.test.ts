/** The installed Dynamo downloads to a full disk, from a hub of the test. Needs root, to mount a small disk. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../support/temp-folder.ts';
import { linesOf, pythons, ruleFor } from '../support/dynamo-failure.ts';
import { mayRun } from '../../support/may-run.ts';

const commit = 'a'.repeat(40);
/** More than fits on the disk. */
const files = new Map(['config.json', 'tokenizer.json'].map((name) => [name, Buffer.alloc(1_048_576, 32)]));

/** Answers like Hugging Face's hub for `acme/big`: its files, each complete or partial. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? '/', 'http://hub');
  if (pathname.startsWith('/api/models/acme/big')) {
    const siblings = [...files].map(([rfilename]) => ({ rfilename }));
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ id: 'acme/big', sha: commit, siblings, private: false, gated: false, tags: [] }),
    );
    return;
  }
  const content = files.get(/^\/acme\/big\/resolve\/[^/]+\/(.+)$/.exec(pathname)?.[1] ?? '');
  if (content === undefined) {
    response.writeHead(404).end();
    return;
  }
  const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
  const end = Math.min(to === '' ? Infinity : Number(to), content.length - 1);
  const part = content.subarray(Number(from), end + 1);
  response.writeHead(request.headers.range === undefined ? 200 : 206, {
    'x-repo-commit': commit,
    etag: `"${'b'.repeat(40)}"`,
    'accept-ranges': 'bytes',
    'content-range': `bytes ${from}-${end}/${content.length}`,
    'content-length': part.length,
  });
  response.end(request.method === 'HEAD' ? undefined : part);
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

for (const python of pythons) {
  test.runIf(mayRun(process.getuid?.() === 0))(`${python}: disk-full`, async () => {
    const home = join(tempFolder(), 'small');
    mkdirSync(home);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', home]);
    const hub = createServer(answer);
    try {
      const env = {
        HF_ENDPOINT: `http://127.0.0.1:${await listening(hub)}`,
        HF_HOME: home,
        HF_HUB_OFFLINE: '0',
      };
      const lines = await linesOf(python, ['dynamo.mocker', '--model-path', 'acme/big'], env);
      expect([ruleFor(lines), lines.slice(-8)]).toEqual(['disk-full', lines.slice(-8)]);
    } finally {
      hub.close();
      hub.closeAllConnections();
      execFileSync('umount', ['--lazy', home]);
    }
  });
}
