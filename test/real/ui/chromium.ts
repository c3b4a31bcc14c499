/** A real browser for tests of the page: Debian's Chromium, driven by puppeteer. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, launch, type Page } from 'puppeteer-core';
import { expect } from 'vitest';
import { type Session, start } from '../../e2e/harness/cli.ts';
import { test as base, type World } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export interface Served {
  readonly session: Session;
  readonly link: string;
  readonly port: number;
  /** Ctrl-C. */
  leave(): Promise<void>;
}

/** `test` with a browser of its own, which is closed before the oracle looks. */
export const test = base.extend<{ browser: Browser }>({
  browser: async ({ world }, use) => {
    const executablePath = process.env['REAL_CHROMIUM'] ?? places.find((place) => existsSync(place));
    if (executablePath === undefined) throw new Error('Chromium is missing: .ci/run installs it');
    const browser = await launch({
      executablePath,
      userDataDir: join(world.root, 'chromium'),
      // The tests run as root, and in containers with a small /dev/shm.
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--host-resolver-rules=MAP evil.example 127.0.0.1'],
      defaultViewport: { width: 1280, height: 900 },
    });
    await use(browser);
    await browser.close();
  },
});

export async function servePage(world: World, ...words: readonly string[]): Promise<Served> {
  const session = start(world, ['ui', '--no-browser', '--port', '0', '--otlp-port', '0', ...words]);
  await session.until(/\?token=/);
  const link = session.stdout().trim();
  return {
    session,
    link,
    port: Number(new URL(link).port),
    leave: async () => {
      session.child.kill('SIGINT');
      expect((await session.ended).code).toBe(130);
    },
  };
}

export interface Seen {
  readonly page: Page;
  /** What the page complained about: errors of scripts, and what its policy blocked. */
  readonly problems: readonly string[];
}

export async function open(browser: Browser, link: string): Promise<Seen> {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(link);
  return { page, problems };
}

export async function textOf(page: Page, selector = 'main'): Promise<string> {
  return await page.$$eval(selector, (found) => found.map((each) => each.textContent).join('\n'));
}

/** Waits until an element contains the text. */
export async function shows(page: Page, pattern: RegExp, selector = 'main'): Promise<string> {
  let text = '';
  await until(
    `${pattern} in ${selector}`,
    async () => {
      text = await textOf(page, selector);
      return pattern.test(text);
    },
    30_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; it shows:\n${text.slice(0, 3_000)}`);
  });
  return text;
}

/** The row of a process, and a button in it by its label. */
export function row(name: string): string {
  return `tr[data-process="${name}"]`;
}

export async function press(page: Page, label: string): Promise<void> {
  await (await page.waitForSelector(`button[aria-label="${label}"]:not([disabled])`))?.click();
}

export async function showView(page: Page, view: string): Promise<void> {
  await page.evaluate((name) => {
    location.hash = location.hash.replace(/^(#\/[^/]*).*$/, `$1/${name}`) || `#//${name}`;
  }, view);
}
