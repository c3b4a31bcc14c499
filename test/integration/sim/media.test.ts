import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { readImage } from '../../../src/sim/images.ts';
import { png } from '../../../src/sim/media-files.ts';
import { ask, deploy, metric, model, post } from './deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { temporaryFolder } from './processes.ts';

test('embeddings are unit vectors, in lists, in other sizes and as base64', async () => {
  const { client, url } = await deploy([['--mode', 'embedding']]);
  // The official client requests base64 and decodes it.
  const list = await client.embeddings.create({ model, input: ['a red fox', 'a red dog', 'quantum theory'] });
  const [fox, dog, theory] = list.data.map(({ embedding }) => embedding);
  expect(product(fox, fox)).toBeCloseTo(1, 5);
  expect(product(fox, dog)).toBeGreaterThan(product(fox, theory));
  const small = await client.embeddings.create({
    model,
    input: 'x',
    dimensions: 8,
    encoding_format: 'float',
  });
  expect(small.data[0]?.embedding).toHaveLength(8);
  expect((await post(url, '/v1/embeddings', { model, input: [] })).status).toBe(400);
  expect((await ask(url, 'Hello')).status).toBe(404);
});

function product(a: readonly number[] = [], b: readonly number[] = []): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
}

test('images are PNG files of the requested size, as files and inline', async () => {
  const folder = temporaryFolder();
  const { client, url } = await deploy([['--mode', 'image', '--media-dir', folder]]);
  const prompt = 'A fox';
  const files = await client.images.generate({
    model,
    prompt,
    size: '256x256',
    n: 2,
    response_format: 'url',
    user: '../../x',
  });
  expect(files.data).toHaveLength(2);
  for (const { url: address } of files.data ?? []) {
    const path = fileURLToPath(address ?? '');
    expect(path.startsWith(`${folder}/users/______x/generations/`)).toBe(true);
    expect(readImage(await readFile(path))).toEqual({ type: 'png', width: 256, height: 256 });
  }
  const inline = await client.images.generate({
    model,
    prompt,
    size: '512x512',
    response_format: 'b64_json',
  });
  expect(readImage(Buffer.from(inline.data?.[0]?.b64_json ?? '', 'base64')).width).toBe(512);
  expect((await post(url, '/v1/images/generations', { model, prompt, size: '1x1' })).status).toBe(400);
});

test('a video is an MP4 file with the name that upstream uses', async () => {
  const folder = temporaryFolder();
  const { url } = await deploy([
    ['--mode', 'video', '--media-dir', folder, '--media-http-url', 'http://media/x/'],
  ]);
  const body = { model, prompt: 'A fox', seconds: 1, size: '64x64', nvext: { fps: 5, num_frames: 5 } };
  const answer = (await (await post(url, '/v1/videos', body)).json()) as {
    id: string;
    data: { url: string }[];
  };
  expect(answer).toMatchObject({ object: 'video', status: 'completed', progress: 100 });
  const name = answer.id.replace('video-', '');
  expect(answer.data[0]?.url).toBe(`http://media/x/${name}.mp4`);
  expect((await readFile(`${folder}/${name}.mp4`)).toString('latin1', 4, 8)).toBe('ftyp');
});

test('vision reads images from data URIs and the web, and rejects anything else', async () => {
  const { url } = await deploy([['--multimodal']]);
  const picture = await png(30, 20, 1);
  const server = createServer((incoming, response) => {
    if (incoming.url === '/ok.png') response.end(picture);
    else response.writeHead(404).end();
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const web = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const look = async (address: string): Promise<[status: number, text: string]> => {
    const parts = [
      { type: 'text', text: 'Describe.' },
      { type: 'image_url', image_url: { url: address } },
    ];
    const response = await ask(url, parts, { max_tokens: 64 });
    return [response.status, await response.text()];
  };
  const data = `data:image/png;base64,${picture.toString('base64')}`;
  for (const address of [data, `${web}/ok.png`]) {
    const [status, text] = await look(address);
    expect([status, text]).toEqual([200, expect.stringContaining('png 30x20')]);
  }
  const broken: [address: string, reason: string][] = [
    [data.slice(0, 90), 'cut off'],
    ['data:text/plain;base64,aGVsbG8=', 'not a PNG'],
    [`${web}/missing.png`, 'the server answered 404'],
    [`http://127.0.0.1:${await freePort()}/x.png`, 'ECONNREFUSED'],
    ['file:///etc/passwd', 'only http, https and data URIs'],
  ];
  for (const [address, reason] of broken) {
    const [status, text] = await look(address);
    expect([status, text]).toEqual([400, expect.stringContaining(reason)]);
    expect(text).toContain(address.slice(0, 80));
  }
});

test('a dedicated encoder reads the images before prefill', async () => {
  const vision = ['--multimodal', '--dedicated-encoder'];
  const { url, workers } = await deploy([
    ['--mode', 'encode', '--multimodal'],
    ['--mode', 'prefill', ...vision],
    ['--mode', 'decode', ...vision],
  ]);
  const data = `data:image/png;base64,${(await png(30, 20, 1)).toString('base64')}`;
  const response = await ask(url, [{ type: 'image_url', image_url: { url: data } }], { max_tokens: 64 });
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('png 30x20')]);
  const counts = workers.map(({ status }) => metric(status, 'dynamo_component_requests_total'));
  expect(await Promise.all(counts)).toEqual([1, 1, 1]);
  // Upstream's encode worker never becomes ready on its status port, although generate is.
  const health = await fetch(`${workers[0]?.status}/health`);
  expect(health.status).toBe(503);
  expect(await health.json()).toMatchObject({ status: 'notready', endpoints: { generate: 'ready' } });
});
