/** Profiles for images, videos and vectors: up, requests with the official client, down, nothing left. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { expect } from 'vitest';
import { succeed } from './harness/cli.ts';
import { requestsOf, type Running, up } from './harness/deployment.ts';
import { test } from './harness/world.ts';

test('embeddings are finite vectors of one length, closer for similar texts', async ({ world }) => {
  const { client, model } = await up(world, 'embeddings');
  const { data, usage } = await client.embeddings.create({
    model,
    input: ['a red fox', 'a red dog', 'tax law'],
  });
  const [fox = [], dog = [], law = []] = data.map(({ embedding }) => embedding);
  expect(fox.length).toBeGreaterThan(100);
  expect([...fox, ...dog, ...law].every(Number.isFinite)).toBe(true);
  expect(product(fox, dog)).toBeGreaterThan(product(fox, law));
  expect(usage.prompt_tokens).toBeGreaterThan(0);
  await succeed(world, ['down']);
});

test('diffusion returns PNG files of the requested size', async ({ world }) => {
  const { client, model } = await up(world, 'diffusion');
  const files = await client.images.generate({
    model,
    prompt: 'a fox',
    size: '256x256',
    response_format: 'url',
  });
  const image = readFileSync(fileURLToPath(files.data?.[0]?.url ?? ''));
  expect(pngSize(image)).toEqual([256, 256]);
  const inline = await client.images.generate({
    model,
    prompt: 'a fox',
    size: '512x512',
    response_format: 'b64_json',
  });
  expect(pngSize(Buffer.from(inline.data?.[0]?.b64_json ?? '', 'base64'))).toEqual([512, 512]);
  await succeed(world, ['down']);
  // Files that a user created are not deleted.
  expect(pngSize(readFileSync(fileURLToPath(files.data?.[0]?.url ?? '')))).toEqual([256, 256]);
});

test('video returns an MP4 file on the route of upstream', async ({ world }) => {
  const { url, model } = await up(world, 'video');
  const response = await fetch(`${url}/v1/videos`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      prompt: 'a fox',
      size: '64x64',
      seconds: 1,
      nvext: { fps: 4, num_frames: 4 },
    }),
  });
  const answer = (await response.json()) as { status: string; data: { url: string }[] };
  expect(answer.status).toBe('completed');
  const file = answer.data[0]?.url ?? '';
  const bytes = readFileSync(file.startsWith('file:') ? fileURLToPath(file) : file);
  expect(bytes.toString('latin1', 4, 8)).toBe('ftyp');
  await succeed(world, ['down']);
});

for (const profile of ['vision', 'multimodal_epd', 'multimodal_disagg']) {
  test(`${profile} reads an image and rejects a broken one`, async ({ world }) => {
    const running = await up(world, profile);
    const answer = await look(running, `data:image/png;base64,${grayPng(48, 32).toString('base64')}`);
    expect(answer.choices[0]?.message.content).not.toBe('');
    expect(answer.usage?.completion_tokens).toBe(8);
    await expect(look(running, 'data:image/png;base64,AAAA')).rejects.toMatchObject({ status: 400 });
    for (const role of ['encode', 'prefill', 'decode']) {
      if (running.processes.some(({ name }) => name === role))
        expect(await requestsOf(running, role)).toBeGreaterThan(1);
    }
    await succeed(world, ['down']);
  });
}

async function look({ client, model }: Running, url: string) {
  return await client.chat.completions.create({
    model,
    max_tokens: 8,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url } },
        ],
      },
    ],
  });
}

function product(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
}

/** Width and height from the header of a PNG. */
function pngSize(bytes: Buffer): number[] {
  expect(bytes.toString('latin1', 1, 4)).toBe('PNG');
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

function grayPng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const rows = Buffer.alloc((width + 1) * height, 0x80);
  for (let y = 0; y < height; y++) rows[y * (width + 1)] = 0;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

/** Bit by bit, as Node 20 has no such function. */
function crc32(bytes: Buffer): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}
