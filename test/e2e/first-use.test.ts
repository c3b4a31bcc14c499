/** First use: `dynamo` alone, `up` without a profile, and chat. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Ended, dynamo, packageFolder, start, succeed } from './harness/cli.ts';
import { up } from './harness/deployment.ts';
import { fakeGpus } from './harness/gpus.ts';
import { freePort } from './harness/ports.ts';
import { test, type World } from './harness/world.ts';

/** Runs `dynamo chat` with these lines on stdin. */
async function chat(world: World, args: readonly string[], lines: string): Promise<Ended> {
  const session = start(world, ['chat', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  session.child.stdin?.end(lines);
  return await session.ended;
}

test('without arguments, shows in ten lines what this host has and the next command', async ({ world }) => {
  const { stdout, stderr } = await succeed(world, []);
  expect(stderr).toBe('');
  expect(stdout.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  expect(Math.max(...stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
  expect(stdout).toMatch(/GPUs +none\n/);
  expect(stdout).toMatch(/Engine +sim \(this host has no NVIDIA GPU/);
  expect(stdout).toMatch(/Next +dynamo up disagg /);
  const { url } = await up(world, 'agg', ['--name', 'mine']);
  const later = (await succeed(world, [])).stdout;
  expect(later).toContain(`mine, Qwen/Qwen3-0.6B at ${url}`);
  expect(later).toMatch(/Next +dynamo chat /);
  await succeed(world, ['down', '--quiet']);
});

test('without arguments, on a host with GPUs but no SGLang, shows what is missing', async ({ world }) => {
  fakeGpus(world, 2);
  const { stdout } = await succeed(world, []);
  expect(stdout).toMatch(/GPUs +2 × NVIDIA H200, 140 GiB, all free/);
  expect(stdout).toMatch(/Engine +none is ready/);
  expect(stdout).toMatch(/Missing +SGLang and Dynamo/);
  expect(stdout).toMatch(/Next +dynamo setup /);
});

test('up without a profile and without a terminal lists the profiles with descriptions', async ({
  world,
}) => {
  const { code, stdout, stderr } = await dynamo(world, ['up']);
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  expect(stderr).toMatch(/^disagg +2 GPUs +Prefill and decode in separate workers/m);
  expect(stderr).toMatch(/^fix: dynamo up agg$/m);
});

test('chat through a pipe answers each line; open prints the URL', async ({ world }) => {
  const { url } = await up(world, 'disagg');
  const { code, stdout, stderr } = await chat(world, ['--max-tokens', '5'], 'one\n\ntwo\n/exit\nthree\n');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  expect((await chat(world, ['--url', `${url}/v1/`, '--max-tokens', '5'], 'one\n')).stdout).toMatch(
    /^This is/,
  );
  expect(await chat(world, ['--model', 'other'], 'one\n')).toMatchObject({ code: 69, stdout: '' });
  expect((await succeed(world, ['open'])).stdout).toBe(`${url}\n`);
  await succeed(world, ['down', '--quiet']);
  expect(await chat(world, [], 'one\n')).toMatchObject({ code: 66, stdout: '' });
});

const said = (role: string, content: string) => ({ role, content });

test('each question is sent with the conversation so far', async ({ world }) => {
  const bodies: unknown[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      bodies.push(JSON.parse(text));
      const chunk = JSON.stringify({ choices: [{ delta: { content: `answer ${bodies.length}` } }] });
      response.end(`data: ${chunk}\n\ndata: [DONE]\n\n`);
    });
  });
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const flags = ['--url', `http://127.0.0.1:${port}`, '--model', 'm', '--system', 'Be brief.'];
  const { stdout } = await chat(world, flags, 'a\nb\n/new\nc\n');
  server.close();
  expect(stdout).toBe('answer 1\nanswer 2\nanswer 3\n');
  const system = { role: 'system', content: 'Be brief.' };
  expect(bodies.map((body) => (body as { messages: unknown }).messages)).toEqual([
    [system, said('user', 'a')],
    [system, said('user', 'a'), said('assistant', 'answer 1'), said('user', 'b')],
    [system, said('user', 'c')],
  ]);
});

/** Answers each chat with what `answer` makes of its body. */
async function withServer(
  answer: (body: Record<string, unknown>) => { status?: number; text: string },
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      const { status = 200, text: words } = answer(JSON.parse(text) as Record<string, unknown>);
      const chunk = JSON.stringify({ choices: [{ delta: { content: words } }] });
      const stream = words.startsWith('{"error"')
        ? `data: ${words}\n\n`
        : `data: ${chunk}\n\ndata: [DONE]\n\n`;
      response.writeHead(status).end(status === 200 ? stream : words);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
  }
}

test('a server that wants max_tokens gets it; what another one refuses is shown', async ({ world }) => {
  const wants = '{"message":"`max_output_tokens` (or `max_tokens`) is required by the mocker worker"}';
  for (const refusal of [{ status: 400, text: wants }, { text: `{"error":${wants}}` }]) {
    const mocker = (body: Record<string, unknown>) =>
      body['max_tokens'] === undefined ? refusal : { text: `up to ${Number(body['max_tokens'])}` };
    await withServer(mocker, async (url) => {
      const flags = ['--url', url, '--model', 'm'];
      expect(await chat(world, flags, 'a\n')).toMatchObject({ code: 0, stdout: 'up to 256\n' });
      expect((await chat(world, [...flags, '--max-tokens', '7'], 'a\n')).stdout).toBe('up to 7\n');
    });
  }
  const tooLong = { status: 400, text: '{"message":"too long"}' };
  await withServer(
    () => tooLong,
    async (url) => {
      const { code, stderr } = await chat(world, ['--url', url, '--model', 'm'], 'a\n');
      expect({ code, stderr }).toMatchObject({
        code: 69,
        stderr: expect.stringMatching(/answered HTTP 400: .*too long.*\nfix: dynamo chat --help/),
      });
    },
  );
});

test('commands in a chat: /help, /system, /image, and one that there is not', async ({ world }) => {
  const picture = join(world.work, 'a picture.png');
  writeFileSync(picture, Buffer.from('89504e470d0a1a0a0000000d', 'hex'));
  const seen: unknown[] = [];
  await withServer(
    ({ messages }) => {
      seen.push(messages);
      return { text: 'yes' };
    },
    async (url) => {
      const flags = ['--url', url, '--model', 'm'];
      const lines = [
        '/help',
        '/system Be brief.',
        `/image ${picture}`,
        'What is it?',
        '/etc/hosts?',
        '/exit',
      ];
      const { code, stdout, stderr } = await chat(world, flags, lines.join('\n'));
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'yes\nyes\n' });
      expect(stderr).toMatch(/\/image FILE +attach /);
      const image = { url: 'data:image/png;base64,iVBORw0KGgoAAAAN' };
      const content = [
        { type: 'text', text: 'What is it?' },
        { type: 'image_url', image_url: image },
      ];
      expect(seen[0]).toEqual([said('system', 'Be brief.'), { role: 'user', content }]);
      const first = await chat(world, [...flags, '--image', picture], 'And?\n');
      expect([first.code, JSON.stringify(seen.at(-1)).includes(image.url)]).toEqual([0, true]);
      for (const [line, words] of [
        ['/hlep', 'did you mean /help?'],
        ['/image', '/image needs a file'],
        ['/image none.png', 'There is no file none.png'],
        [`/image ${join(packageFolder, 'package.json')}`, 'is no PNG'],
      ] as const) {
        const refused = await chat(world, flags, `${line}\n`);
        expect(refused, line).toMatchObject({ code: 64, stderr: expect.stringContaining(words) });
      }
    },
  );
});

test('chat with a model that cannot chat is refused', async ({ world }) => {
  await up(world, 'embeddings');
  const { code, stderr } = await chat(world, [], 'one\n');
  expect({ code, stderr }).toMatchObject({ code: 64, stderr: expect.stringContaining('serves embedding') });
  await succeed(world, ['down', '--quiet']);
});
