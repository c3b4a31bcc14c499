/** The playground for embeddings, images and videos, and the spans of one request, in a real browser. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { up } from '../../e2e/harness/deployment.ts';
import { until } from '../../support/until.ts';
import { chatTrace, tracedRequest } from '../../support/trace.ts';
import { open, servePage, shows, showView, test } from './chromium.ts';

/** Whether an element has loaded what it shows. */
async function isDrawn(page: Page, selector: string): Promise<boolean> {
  return await page.$$eval(selector, (found) =>
    found.some((each) =>
      each instanceof HTMLImageElement
        ? each.complete && each.naturalWidth > 0
        : each instanceof HTMLVideoElement
          ? each.src.startsWith('data:video/mp4;base64,')
          : each.querySelectorAll('rect').length > 10,
    ),
  );
}

test.for([
  ['embeddings', 'Embed', '.vector svg'],
  ['diffusion', 'Make the image', '.turn img'],
  ['video', 'Make the video', '.turn video'],
] as const)(
  '%s: the answer is drawn, and an error of the server is shown',
  async ([profile, label, selector], { world, browser }) => {
    await up(world, profile);
    const served = await servePage(world, profile);
    const { page, problems } = await open(browser, served.link);
    await showView(page, 'playground');
    await page.waitForSelector('.ask textarea');
    const ask = async (): Promise<void> => {
      await page.$$eval(
        '.ask button',
        (buttons, words) => buttons.find(({ textContent }) => textContent?.includes(words) === true)?.click(),
        label,
      );
    };
    await ask();
    await until(`${selector} is drawn`, async () => await isDrawn(page, selector), 30_000);
    await shows(page, /\d ms|\d s/, '.turn small');
    expect(problems).toEqual([]);
    // Its frontend is gone: the page says so in the words of the command line.
    await succeed(world, ['stop', 'frontend']);
    await ask();
    await shows(page, /http:\/\/127\.0\.0\.1:\d+ did not answer: ECONNREFUSED/, '.problem');
    await succeed(world, ['down', '--quiet']);
    await served.leave();
  },
);

test('the spans of one request, as bars in the order and at the place of their time', async ({
  world,
  browser,
}) => {
  symlinkSync('/usr/bin/prometheus', join(world.bin, 'prometheus'));
  const { processes } = await up(world, 'disagg', ['--observe']);
  const port = processes.find(({ name }) => name === 'traces')?.ports['monitoring'];
  const headers = { 'content-type': 'application/x-protobuf' };
  const body = Uint8Array.from(chatTrace());
  const sent = await fetch(`http://127.0.0.1:${port}/v1/traces`, { method: 'POST', headers, body });
  expect(sent.status).toBe(200);
  const served = await servePage(world, 'disagg');
  const { page, problems } = await open(browser, served.link);
  await showView(page, 'requests');
  await shows(page, /24/, '.requests tbody tr');
  const opened = async (): Promise<boolean> => {
    await page.$$eval('.requests tbody tr', (rows) =>
      rows.find(({ textContent }) => textContent?.includes('94 ms') === true)?.click(),
    );
    return (await page.$('.details')) !== null;
  };
  await until('the request is open', opened, 30_000);
  await shows(page, new RegExp(tracedRequest), '.details');
  await shows(
    page,
    /http-request\s*frontend.*handle_payload\s*prefill.*handle_payload\s*decode/s,
    '.waterfall',
  );
  const bars = await page.$$eval('.waterfall .bar', (found) =>
    found.map((bar) => ({
      kind: bar.className.replace('bar ', ''),
      left: Math.round(Number.parseFloat((bar as HTMLElement).style.left)),
      width: Math.round(Number.parseFloat((bar as HTMLElement).style.width)),
      drawn: bar.getBoundingClientRect().width > 1,
    })),
  );
  expect(bars).toEqual([
    { kind: 'frontend', left: 0, width: 100, drawn: true },
    { kind: 'prefill', left: 6, width: 42, drawn: true },
    { kind: 'decode', left: 49, width: 50, drawn: true },
  ]);
  expect(problems).toEqual([]);
  await succeed(world, ['down', '--quiet']);
  await served.leave();
});
