/** Requests and spans of upstream's frontend and mocker, as the page gets them: 1.1.1 exports spans only, newer ones also lines. */
import { basename } from 'node:path';
import { expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { clientOf, type Up } from '../../e2e/harness/deployment.ts';
import { ask, follow, leave, servePage } from '../../e2e/harness/page.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { test } from '../../e2e/harness/world.ts';
import { leftovers } from '../../oracle/leftovers.ts';
import { until } from '../../support/until.ts';

const environments = (process.env['DYNAMO_TEST_MOCKER'] ?? '').split(':').filter(Boolean);

test('DYNAMO_TEST_MOCKER names environments', () => expect(environments.length).toBeGreaterThan(0));

test.for(environments)(
  '%s: recent requests with their workers, and the spans of one',
  { timeout: 240_000 },
  async (python, { world }) => {
    const otlpPort = await freePort();
    const served = await servePage(world, '--otlp-port', String(otlpPort));
    const words = ['up', 'disagg', '--engine', 'mocker', '--python', python, '--detach', '--json', '--ui'];
    const port = String(await freePort());
    const { stdout } = await succeed(world, [...words, '--set', 'tracing=true', '--http-port', port], {
      env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${otlpPort}` },
    });
    const { runId, url, model } = JSON.parse(stdout) as Up;
    const answer = await clientOf(url).chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'Which worker computes this?' }],
      max_tokens: 8,
    });
    expect(answer.usage?.completion_tokens).toBe(8);

    const stream = follow(served, `/api/stream?run=${runId}`);
    const row =
      /"type":"requests".*"outputTokens":8,.*"prefillWorker":"\d{6,}","decodeWorker":"\d{6,}".*"traced":true/;
    await stream.until(row);
    if (!basename(python).includes('1.1.1')) await stream.until(/"type":"requests".*"cachedTokens":\d/);
    await stream.until(
      /"type":"requests".*"workers":\{.*"prefill".*\}|"type":"requests".*"workers":\{.*"decode"/,
    );
    const rows = stream
      .lines()
      .filter((line) => line.includes('"type":"requests"'))
      .flatMap(
        (line) =>
          (
            JSON.parse(line.replace(/^data: /, '')) as {
              rows: { id: string; outputTokens?: number; traced?: boolean }[];
            }
          ).rows,
      );
    const traced = rows.find(({ outputTokens, traced: isTraced }) => outputTokens === 8 && isTraced === true);
    const spans = await until('spans of all three processes', async () => {
      const { text } = await ask(served.port, {
        path: `/api/trace?id=${traced?.id}`,
        headers: { cookie: served.cookie },
      });
      const found = (JSON.parse(text) as { spans: { name: string; service: string; depth: number }[] }).spans;
      return new Set(found.map(({ service }) => service)).size >= 3 && found;
    });
    expect(spans[0]).toMatchObject({ name: 'http-request', depth: 0 });
    expect(spans.map(({ service }) => service)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('frontend'),
        expect.stringContaining('prefill'),
        expect.stringContaining('decode'),
      ]),
    );
    stream.leave();
    await succeed(world, ['down', '--quiet']);
    await leave(served);
    // The page of `up --ui` sees within a tenth of a second that its run has ended.
    await until('the page of the run to end', () => leftovers(world).length === 0, 5_000);
  },
);
