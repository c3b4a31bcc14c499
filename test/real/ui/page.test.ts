/** The page of `dynamo ui` in a real browser, with real deployments on the embedded engine. */
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { start, succeed } from '../../e2e/harness/cli.ts';
import { faulty, pidOf, ps, up } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { until } from '../../support/until.ts';
import { open, press, row, servePage, shows, showView, test, textOf } from './chromium.ts';

async function chats(url: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'Qwen/Qwen3-0.6B',
        stream: true,
        max_tokens: 12,
        messages: [{ role: 'user', content: `question ${index} ${'of many words '.repeat(20)}` }],
      }),
    });
    await response.text();
  }
}

test('a run comes up in the page, serves, fails over, and stays readable after its end', async ({
  world,
  browser,
}) => {
  const served = await servePage(world);
  const { page, problems } = await open(browser, served.link);
  expect(page.url()).toBe(`http://127.0.0.1:${served.port}/`);
  await shows(page, /There is no run yet.*dynamo up agg/);

  // It appears by itself, while it starts, with what it waits for.
  const profile = faulty(world, 'disagg', { decode: ['--startup-time', '3'] });
  const starting = start(world, [
    'up',
    profile,
    '--detach',
    '--ui',
    '--engine',
    'sim',
    '--name',
    'mine',
    '--http-port',
    String(await freePort()),
  ]);
  await shows(page, /decodeloading/, row('decode'));
  await shows(page, /starts up and loads/, '.timeline');
  expect((await starting.ended).code).toBe(0);
  await shows(page, /ready/, '.run-header');
  expect(await textOf(page, '.topology svg')).toMatch(
    /clients.*frontend.*prefill.*KV cache.*decode|KV cache/s,
  );
  await shows(page, /run ready after/, '.events');

  // Load moves the figures, and each request is in the list with its workers.
  const [run] = await ps(world);
  await shows(page, /Requests\/s0|Requests\/s–/, '.tile');
  await chats(run?.url ?? '', 12);
  await shows(page, /Requests\/s0?\.?[1-9].*TTFT p50[\d.]+ m?s.*ITL p50.*Tokens\/s out[1-9]/s, '.tiles');
  await showView(page, 'charts');
  await shows(page, /Time to first token.*Tokens per second.*KV cache used/s, '.charts');
  await shows(page, /p50\s*[\d.]+ m?s/, '.chart');
  expect(await page.$$eval('.chart canvas', (found) => found.length)).toBeGreaterThan(6);
  await showView(page, 'requests');
  await shows(page, /prefill.*decode/s, '.requests tbody tr');
  expect(await page.$$eval('.requests tbody tr', (rows) => rows.length)).toBeGreaterThanOrEqual(12);
  await page.click('.requests tbody tr');
  await shows(page, /until the first token.*until the last token/s, '.waterfall');

  // A worker is killed, and comes back.
  await showView(page, 'overview');
  process.kill(await pidOf(world, 'decode'), 'SIGKILL');
  await shows(page, /decode ended: was ended by SIGKILL/, '.events');
  await until(
    'a restart',
    async () => (await textOf(page, `${row('decode')} td:nth-child(5)`)) === '1',
    30_000,
  );
  await shows(page, /ready/, row('decode'));
  await shows(page, /ready/, '.run-header .pill');

  // From the event to the logs of that moment.
  await page.evaluate(() => {
    const event = [...document.querySelectorAll('.events li')].find((each) =>
      each.textContent?.includes('SIGKILL'),
    );
    event?.querySelector('button')?.click();
  });
  await shows(page, /Lines around \d\d:\d\d:\d\d/, '.logs .banner');
  expect(page.url()).toContain('process=decode');

  // By button: what it will do, then done.
  await showView(page, 'overview');
  await press(page, 'Restart prefill');
  await shows(
    page,
    /Restart prefill\?.*starts again on the same ports.*dynamo restart prefill --run mine/s,
    'dialog',
  );
  const before = await pidOf(world, 'prefill');
  await press(page, 'Restart');
  await shows(page, /prefill is ready again/, '.notices');
  expect(await pidOf(world, 'prefill')).not.toBe(before);
  await press(page, 'Stop decode');
  await press(page, 'Stop');
  await shows(page, /stopped/, row('decode'));
  await shows(page, /ready, 1 of 3 not/, '.run-header .pill');
  await press(page, 'Start decode');
  await press(page, 'Start');
  await shows(page, /ready/, row('decode'));

  // Down, by button; the page of `up --ui` ends with the run, this one stays.
  await press(page, 'Stop run');
  await press(page, 'Stop the run');
  await until('the end of the run', async () => (await ps(world)).length === 0, 30_000);
  await shows(page, /stopped/, '.run-header .pill');
  await page.reload();
  await shows(page, /stopped/, '.run-header .pill');
  await shows(page, /stopped: nothing is left/, '.events');
  await showView(page, 'charts');
  await shows(page, /Time to first token/, '.charts');
  await showView(page, 'requests');
  await shows(page, /decode/, '.requests tbody tr');
  await showView(page, 'playground');
  await shows(page, /This run has ended/);
  expect(problems).toEqual([]);
  await served.leave();
});

test('logs: filters by process, level and text, in the address; hostile lines and answers stay text', async ({
  world,
  browser,
}) => {
  const hostile = `<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>`;
  const log = join(world.work, 'hostile.log');
  writeFileSync(
    log,
    [
      `2026-11-29T10:00:00.000Z  WARN test: ${hostile}`,
      '2026-11-29T10:00:01.000Z ERROR test: the needle',
      '  a line that belongs to it',
      '2026-11-29T10:00:02.000Z  INFO test: \u001B[31mred\u001B[0m </div></main>',
      '',
    ].join('\n'),
  );
  const profile = faulty(world, 'agg', { worker: ['--replay-log', log, '--opening', hostile] });
  await up(world, profile, ['--name', 'mine']);
  const served = await servePage(world, 'mine');
  const { page, problems } = await open(browser, served.link);
  await showView(page, 'logs');
  await shows(page, /<img src=x onerror="window\.hacked=1"><script>/, '.lines');
  await page.click('.find input');
  await page.keyboard.type('needle');
  await until('one line', async () => (await page.$$('.lines .line')).length === 1);
  expect(await textOf(page, '.lines .line')).toMatch(/worker.*ERROR test: the needle/);
  expect(page.url()).toContain('find=needle');
  // With a regular expression, and what is none yet.
  await page.$eval('.find input', (input) => input.select());
  await page.keyboard.type('/needle|<.div>/');
  await until('two lines', async () => (await page.$$('.lines .line')).length === 2);
  await page.$eval('.find input', (input) => input.select());
  await page.keyboard.press('Backspace');
  await page.select('select[aria-label="Level"]', 'error');
  await until('the error and what belongs to it', async () => (await page.$$('.lines .line')).length === 2);
  expect(await textOf(page, '.lines')).toContain('a line that belongs to it');
  await page.select('select[aria-label="Level"]', 'warn');
  await until('the warning, too', async () => (await page.$$('.lines .line')).length === 3);
  await page.select('select[aria-label="Level"]', 'debug');
  await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.chip')]
      .find((chip) => chip.textContent === 'frontend')
      ?.click(),
  );
  await until('lines of the frontend only', async () => {
    const text = await textOf(page, '.lines');
    return text.includes('frontend') && !text.includes('worker');
  });
  // A link with filters shows the same.
  const other = await open(browser, page.url());
  await until(
    'the same in another tab',
    async () => !(await textOf(other.page, '.lines')).includes('worker'),
  );
  await other.page.close();

  // The answer of the model.
  await showView(page, 'playground');
  await (await page.waitForSelector('.ask textarea'))?.type('Say <b>hello</b>');
  await page.keyboard.press('Enter');
  await shows(
    page,
    /<img src=x onerror="window\.hacked=1"><script>window\.hacked=2<\/script>/,
    '.turn.assistant',
  );
  await shows(page, /TTFT [\d.]+ m?s · [\d,.]+ tokens\/s/, '.turn.assistant small');
  expect(await textOf(page, '.turn.user')).toBe('Say <b>hello</b>');
  expect(
    await page.$$eval('.turn img, .turn script, .turn b, .lines img, #page script', (found) => found.length),
  ).toBe(0);
  expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
  // Even a script that got into the page would not run.
  await page.evaluate(() => {
    const element = document.createElement('div');
    element.innerHTML = '<img src="data:," onerror="window.hacked=3">';
    document.body.append(element);
  });
  await until('the policy to block it', () =>
    problems.some((problem) => problem.includes('Content Security Policy')),
  );
  expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
  await succeed(world, ['down', '--quiet']);
  await served.leave();
});

test('a token is needed; other names and other sites are refused; another port of ssh -L works', async ({
  world,
  browser,
}) => {
  await up(world, 'agg', ['--name', 'mine']);
  const served = await servePage(world, 'mine');
  const bare = `http://127.0.0.1:${served.port}/`;
  const stranger = await open(browser, bare);
  expect(await textOf(stranger.page, 'body')).toContain('it holds the token');
  const { page } = await open(browser, served.link);
  await shows(page, /mine/, 'h1');
  // The token does not stay in the address, and scripts cannot read the cookie.
  expect(page.url()).not.toContain('token');
  expect(await page.evaluate(() => document.cookie)).toBe('');

  // A site whose name leads to this host, and its own page that posts here.
  await stranger.page.goto(served.link.replace('127.0.0.1', 'evil.example'));
  expect(await textOf(stranger.page, 'body')).toContain('answers only to the names 127.0.0.1');
  const evil = createHttpServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>evil</h1>');
  });
  const evilPort = await freePort();
  await new Promise<void>((resolve) => evil.listen(evilPort, '127.0.0.1', resolve));
  for (const site of [`http://evil.example:${evilPort}/`, `http://127.0.0.1:${evilPort}/`]) {
    await stranger.page.goto(site);
    const tried = await stranger.page.evaluate(async (target) => {
      const body = JSON.stringify({ run: 'mine' });
      const post = async (type: string, mode: RequestMode): Promise<string> =>
        await fetch(`${target}api/down`, {
          method: 'POST',
          mode,
          credentials: 'include',
          headers: { 'content-type': type },
          body,
        }).then(
          ({ type: kind }) => kind,
          () => 'blocked',
        );
      return [await post('application/json', 'cors'), await post('text/plain', 'no-cors')];
    }, bare);
    expect(tried, site).toEqual(['blocked', expect.stringMatching(/blocked|opaque/)]);
  }
  expect((await ps(world))[0]?.state).toBe('ready');
  evil.close();
  evil.closeAllConnections();

  // As through ssh -L with another port.
  const tunnel = createServer((socket) => {
    const onward = connect(served.port, '127.0.0.1');
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward]) end.on('error', () => end.destroy());
  });
  const port = await freePort();
  await new Promise<void>((resolve) => tunnel.listen(port, '127.0.0.1', resolve));
  const far = await open(browser, served.link.replace(String(served.port), String(port)));
  await shows(far.page, /mine/, 'h1');
  await far.page.waitForSelector(row('worker'));
  await press(far.page, 'Restart worker');
  await press(far.page, 'Restart');
  await shows(far.page, /worker is ready again/, '.notices');
  await far.page.close();
  tunnel.close();
  await succeed(world, ['down', '--quiet']);

  // Without its server, the page says so and keeps what it knows.
  await served.leave();
  await shows(page, /does not answer.*dynamo ui/s, '.banner');
  await shows(page, /mine/, 'h1');
});

test('a failure with the cause that the doctor found; several runs; keys; narrow windows', async ({
  world,
  browser,
}) => {
  await up(world, 'agg', ['--name', 'first']);
  const profile = faulty(world, 'agg', { worker: ['--crash-after', '0.1'] });
  const failed = start(world, [
    'up',
    profile,
    '--engine',
    'sim',
    '--name',
    'second',
    '--http-port',
    String(await freePort()),
  ]);
  expect(await failed.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('worker exited') });
  const served = await servePage(world, 'second');
  const { page, problems } = await open(browser, served.link);
  await shows(page, /failed/, '.run-header .pill');
  await shows(page, /worker exited with code 1|RuntimeError/, '.failure');
  await shows(page, /simulated crash/, 'main');
  expect(await textOf(page, '.runs')).toMatch(/Up 1first.*Ended 1second/s);
  // A hidden page has no stream, and hears of nothing; when it is seen again, it knows all.
  const setHidden = async (hidden: boolean): Promise<void> =>
    await page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  await setHidden(true);
  await up(world, 'agg', ['--name', 'third']);
  expect(await textOf(page, '.runs')).not.toContain('third');
  await setHidden(false);
  await shows(page, /Up 2third.*first.*Ended 1second/s, '.runs');
  await page.keyboard.press('k');
  await shows(page, /first/, 'h1');
  await page.keyboard.press('3');
  await page.waitForSelector('.logs');
  await page.keyboard.press('/');
  await until(
    'the search field',
    async () => await page.evaluate(() => document.activeElement?.tagName === 'INPUT'),
  );
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await shows(page, /next run, previous run/, 'dialog');
  await page.keyboard.press('Escape');
  await page.keyboard.press('1');
  for (const width of [1280, 800]) {
    await page.setViewport({ width, height: 900 });
    for (const view of ['overview', 'charts', 'logs', 'requests', 'playground']) {
      await showView(page, view);
      const spills = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(spills, `${view} at ${width}`).toBeLessThanOrEqual(0);
    }
  }
  await page.select(
    '.run-select',
    await page.$eval('.run-select option:last-child', (option) => option.value),
  );
  await shows(page, /second/, 'h1');
  expect(problems).toEqual([]);
  await succeed(world, ['down', '--all', '--quiet']);
  await served.leave();
});
