/** Real SGLang on a CPU: reads images, creates images and videos; a worker dies, and down runs while it loads. */
import { existsSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { requestsOf } from '../e2e/harness/deployment.ts';
import { test } from '../e2e/harness/world.ts';
import { model, pipeline, rotary } from '../real/support/models.ts';
import { pythons } from '../real/support/python.ts';
import { killThenDown, sglangTimeout as timeout, upOnCpu } from '../real/support/sglang.ts';

describe.each(pythons('sglang'))('$name', ({ python }) => {
  test('vision answers about an image', { timeout }, async ({ world }) => {
    const running = await upOnCpu(world, 'vision', python, model('tiny-qwen2-vl'), rotary);
    expect(running.proof.answer).not.toBe('');
    await killThenDown(world, 'worker');
  });

  test('multimodal_epd encodes in a separate worker', { timeout }, async ({ world }) => {
    const running = await upOnCpu(world, 'multimodal_epd', python, model('tiny-qwen2-vl'), rotary);
    expect([...running.proof.usedRoles].toSorted()).toEqual(['aggregated', 'encode']);
    expect(await requestsOf(running, 'encode')).toBeGreaterThan(0);
    await killThenDown(world, 'encode');
  });

  test('multimodal_disagg goes through all three roles', { timeout }, async ({ world }) => {
    const running = await upOnCpu(world, 'multimodal_disagg', python, model('tiny-qwen2-vl'), rotary);
    expect([...running.proof.usedRoles].toSorted()).toEqual(['decode', 'encode', 'prefill']);
    await killThenDown(world, 'decode');
  });

  // Two that start together choose the same port for PyTorch's rank store.
  test(
    'diffusion creates an image in the folder of the run, with two workers',
    { timeout },
    async ({ world }) => {
      const made = await pipeline('sd', python, world.root);
      const two = ['--set', 'proof.size=64x64', '--replicas', 'worker=2'];
      const { proof } = await upOnCpu(world, 'diffusion', python, made, two, 'own');
      expect(existsSync(new URL(proof.answer))).toBe(true);
      expect(proof.answer).toContain('/media/');
      await killThenDown(world, 'worker-2');
    },
  );

  test('video creates a video', { timeout }, async ({ world }) => {
    const made = await pipeline('wan', python, world.root);
    const sizes = ['width=64', 'height=64', 'numFrames=5', 'numInferenceSteps=2'];
    const small = sizes.flatMap((size) => ['--set', size]);
    const { proof } = await upOnCpu(world, 'video', python, made, small, 'own');
    expect(existsSync(new URL(proof.answer))).toBe(true);
    await killThenDown(world, 'worker');
  });
});
