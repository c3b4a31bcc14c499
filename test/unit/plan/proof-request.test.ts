/** The proving request of each kind: OpenAI's shape, upstream's extensions only where asked for. */
import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { proofRequest, tinyImage } from '../../../src/plan/proof-request.ts';
import { profileOf } from '../../support/profile.ts';

const ask = (proof: Record<string, unknown>) => proofRequest(profileOf({ components: {}, proof }).proof, 'm');

test('chat', () => {
  expect(ask({ request: 'chat', prompt: 'Hi', maxTokens: 7 })).toEqual({
    path: '/v1/chat/completions',
    body: { model: 'm', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 7, stream: false },
  });
});

test('vision sends an image that needs no network', () => {
  const text = JSON.stringify(ask({ request: 'vision' }).body);
  expect(text).toContain('data:image/png;base64,');
  expect(text).not.toContain('http');
});

test('the image is a whole PNG of 64 × 64', () => {
  const png = Buffer.from(tinyImage.slice(tinyImage.indexOf(',') + 1), 'base64');
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([64, 64]);
  const at = png.indexOf('IDAT');
  const data = png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4));
  const [depth = 0, colourType = 0] = png.subarray(24, 26);
  const samples = new Map([
    [0, 1],
    [2, 3],
    [3, 1],
    [6, 4],
  ]).get(colourType);
  const rowBytes = 1 + Math.ceil((64 * depth * (samples ?? 0)) / 8);
  expect(inflateSync(data)).toHaveLength(64 * rowBytes);
});

test('embedding', () => {
  expect(ask({ request: 'embedding' })).toEqual({
    path: '/v1/embeddings',
    body: { model: 'm', input: 'Hello, world' },
  });
});

test("a video goes to upstream's route, with its extensions only when the profile has them", () => {
  expect(
    ask({ request: 'video', prompt: 'a dog', frames: 8, fps: 4, steps: 2, seconds: 2, size: '64x64' }),
  ).toEqual({
    path: '/v1/videos',
    body: {
      model: 'm',
      prompt: 'a dog',
      size: '64x64',
      response_format: 'url',
      seconds: 2,
      nvext: { fps: 4, num_frames: 8, num_inference_steps: 2 },
    },
  });
  expect(ask({ request: 'video' }).body).not.toHaveProperty('nvext');
  expect(ask({ request: 'image' })).toMatchObject({
    path: '/v1/images/generations',
    body: { size: '256x256' },
  });
});
