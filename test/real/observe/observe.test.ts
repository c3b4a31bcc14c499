/** `up --observe` with Debian's Prometheus: it scrapes every process, our board has data, spans arrive, and it is cleaned up. */
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, type Running, textBelow, up } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { queries } from '../../support/board.ts';
import { until } from '../../support/until.ts';
import { pythons } from '../support/python.ts';

const timeout = 300_000;

/** The mocker of 1.1.1 says neither how full its cache is nor what it found there. */
const without: Readonly<Record<string, readonly RegExp[]>> = {
  'mocker-1.1.1': [/vllm:kv_cache_usage_perc/, /cached_tokens_sum/],
};

function installPrometheus(world: World): void {
  const program = ['/usr/bin/prometheus', '/usr/local/bin/prometheus'].find((file) => existsSync(file));
  if (program === undefined) throw new Error('no Prometheus: apt-get install prometheus');
  symlinkSync(program, join(world.bin, 'prometheus'));
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

async function ask(port: number, query: string): Promise<readonly Sample[]> {
  const url = `http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query }).toString()}`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
  if (answer === undefined) return [];
  const { data } = (await answer.json()) as { data?: { result: readonly Sample[] } };
  return data?.result ?? [];
}

function hasData(samples: readonly Sample[]): boolean {
  return samples.some(({ value: [, text] }) => Number.isFinite(Number(text)));
}

/** Prompts that share their beginning, so that the cache is hit. */
async function chatThrice({ client, model }: Running): Promise<void> {
  const content = 'The same beginning. '.repeat(40);
  const messages = [{ role: 'user' as const, content }];
  const all = Array.from({ length: 3 }, async () => {
    const stream = await client.chat.completions.create({ model, messages, max_tokens: 16, stream: true });
    for await (const _ of stream);
  });
  await Promise.all(all);
}

/** Names of the processes that sent spans. */
function servicesIn(file: string): Set<string> {
  if (!existsSync(file)) return new Set();
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return new Set(lines.map((line) => (JSON.parse(line) as { service: string }).service));
}

async function portOf(world: World): Promise<{ port: number; pid: number | undefined; state: string }> {
  const { stdout } = await succeed(world, ['ps', '--json']);
  interface Listed {
    readonly runs: readonly {
      readonly processes: readonly {
        name: string;
        pid?: number;
        state: string;
        ports: Record<string, number>;
      }[];
    }[];
  }
  const found = (JSON.parse(stdout) as Listed).runs[0]?.processes.find(({ name }) => name === 'prometheus');
  return { port: found?.ports['client'] ?? 0, pid: found?.pid, state: found?.state ?? 'absent' };
}

describe.each(pythons('mocker'))('$name', ({ name, python }) => {
  test(
    'every query of every panel has data; restarts are followed; nothing is left',
    { timeout },
    async ({ world }) => {
      installPrometheus(world);
      const running = await up(world, 'disagg_router', [
        '--engine',
        'mocker',
        '--python',
        python,
        '--observe',
      ]);
      const { port, pid } = await portOf(world);
      const processes = ['decode-1', 'decode-2', 'frontend', 'prefill-1', 'prefill-2'];
      const scraped = async (): Promise<string[]> =>
        (await ask(port, 'up{job="dynamo"} == 1')).map(({ metric }) => metric['process'] ?? '').toSorted();
      await until(
        'all processes are scraped',
        async () => (await scraped()).join() === processes.join(),
        30_000,
      );

      const missing = new Set(queries);
      const unknown = without[name] ?? [];
      const look = async (): Promise<boolean> => {
        await chatThrice(running);
        for (const each of missing) if (hasData(await ask(port, each.query))) missing.delete(each);
        return [...missing].every(({ query }) => unknown.some((pattern) => pattern.test(query)));
      };
      await until('data for every query', look, 120_000).catch((error: unknown) => {
        throw new Error(`no data: ${JSON.stringify([...missing], undefined, 2)}`, { cause: error });
      });
      expect(missing.size).toBe(unknown.length);

      // Every process has sent its spans, and none complains about the receiver.
      const run = join(world.state, 'dynamo', 'runs', running.runId);
      await until(
        'spans of all processes',
        () => servicesIn(join(run, 'spans.jsonl')).size === processes.length,
        60_000,
      );
      const complaint = /batch_(log|span)_processor|BatchSpanProcessor|BatchLogProcessor/;
      expect(textBelow(join(run, 'logs'))).not.toMatch(complaint);

      // The same ports after a restart.
      await succeed(world, ['restart', 'decode-1']);
      const back =
        'up{process="decode-1"} == 1 and (time() - process_start_time_seconds{process="decode-1"} < 600 or up)';
      await until('decode-1 is scraped again', async () => hasData(await ask(port, back)), 60_000);

      // Watching neither ends nor harms what is watched.
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      const isBack = async (): Promise<boolean> => {
        const now = await portOf(world);
        return now.state === 'ready' && now.pid !== pid;
      };
      await until('Prometheus is back', isBack, 60_000);
      await chatThrice(running);
      expect(hasData(await ask(port, 'sum(dynamo_frontend_requests_total)'))).toBe(true);
      await succeed(world, ['down', '--all', '--quiet']);
      expect(await ps(world)).toEqual([]);
    },
  );
});
