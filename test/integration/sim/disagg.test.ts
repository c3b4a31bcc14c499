import { expect, test } from 'vitest';
import { ask, deploy, listed, longPrompt, metric, model, startWorker, type Worker } from './deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { until } from './processes.ts';

interface Answer {
  choices: { message: { content: string | null }; finish_reason: string }[];
  usage: { completion_tokens: number; prompt_tokens_details: { cached_tokens: number } };
  nvext?: { worker_id: { prefill_worker_id: number; decode_worker_id: number } };
}

const handled = (worker: Worker | undefined): Promise<number> =>
  metric(worker?.status ?? '', 'dynamo_component_requests_total', 'dynamo_endpoint="generate"');

test('prefill and decode both handle each chat, and the cached prefix is that of prefill', async () => {
  const port = String(await freePort());
  const { url, workers } = await deploy([
    ['--mode', 'prefill', '--bootstrap-port', port],
    ['--mode', 'decode'],
  ]);
  const request = { nvext: { extra_fields: ['worker_id'] } };
  const first = (await (await ask(url, longPrompt('w'), request)).json()) as Answer;
  expect(first.choices[0]?.message.content).toContain('This is a simulated');
  expect(first.nvext?.worker_id.prefill_worker_id).not.toBe(first.nvext?.worker_id.decode_worker_id);
  const second = (await (await ask(url, longPrompt('w'))).json()) as Answer;
  expect(second.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(300);
  expect(second.nvext).toBeUndefined();
  expect(await Promise.all(workers.map(handled))).toEqual([2, 2]);
  const text = await (await ask(url, 'Hello', { stream: true })).text();
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
});

test('a broken transfer answers 200 with empty content, as the real one does', async () => {
  const { url, workers } = await deploy([
    ['--mode', 'prefill', '--broken-transfer'],
    ['--mode', 'decode'],
  ]);
  const response = await ask(url, 'Hello');
  const answer = (await response.json()) as Answer;
  expect(response.status).toBe(200);
  expect(answer.choices[0]).toMatchObject({ message: { content: null }, finish_reason: 'stop' });
  expect(answer.usage.completion_tokens).toBe(0);
  for (const { status } of workers) expect((await fetch(`${status}/health`)).status).toBe(200);
});

test('a model is listed only while all its roles are present', async () => {
  const { url, env } = await deploy([['--mode', 'decode']]);
  const refused = await ask(url, 'Hello');
  expect(refused.status).toBe(503);
  expect(await refused.text()).toContain(`Model \`${model}\` is not ready to serve requests yet.`);
  expect(await listed(url)).toEqual([]);
  const prefill = await startWorker(['--mode', 'prefill'], env);
  await until('the model is listed', async () => (await listed(url)).length === 1);
  expect((await ask(url, 'Hello')).status).toBe(200);
  prefill.child.kill('SIGTERM');
  await until('the model is gone', async () => (await listed(url)).length === 0);
  expect((await ask(url, 'Hello')).status).toBe(503);
  expect(await prefill.exit).toMatchObject({ code: 0 });
});

test('a dead prefill worker is a 503, not an empty answer', async () => {
  const { url, workers } = await deploy([
    ['--mode', 'prefill'],
    ['--mode', 'decode'],
  ]);
  workers[0]?.child.kill('SIGKILL');
  await workers[0]?.exit;
  expect((await ask(url, 'Hello')).status).toBe(503);
});

test.each([['kv events', []] as const, ['predictions', ['--no-router-kv-events']] as const])(
  'router mode kv routes a known prefix to its worker, by %s',
  async (_, flags) => {
    const worker = ['--kv-events'];
    const { url } = await deploy([worker, worker, worker], ['--router-mode', 'kv', ...flags]);
    const documents = ['alpha', 'beta', 'gamma', 'delta'].map(longPrompt);
    const fields = { nvext: { extra_fields: ['worker_id'] }, max_tokens: 1 };
    const rounds: string[][] = [];
    for (let round = 0; round < 3; round++) {
      const ids = [];
      for (const document of documents) {
        // The id does not fit into a number: compare the text.
        ids.push(/"decode_worker_id":(\d+)/.exec(await (await ask(url, document, fields)).text())?.[1] ?? '');
      }
      rounds.push(ids);
    }
    expect(rounds[1]).toEqual(rounds[0]);
    expect(rounds[2]).toEqual(rounds[0]);
    expect(new Set(rounds[0]).size).toBe(3);
    expect(await metric(url, 'dynamo_component_router_kv_hit_rate_count')).toBe(12);
    expect(await metric(url, 'dynamo_component_router_kv_hit_rate_sum')).toBeGreaterThan(7.5);
  },
);
