/** Measures what the generator itself costs: on a bare server in a process of its own, before anything else is measured. */
import { spawn } from 'node:child_process';
import type { Environment } from '../base/environment.ts';
import { quantile } from './statistics.ts';
import { createSender } from './send.ts';
import type { GeneratorCost } from './result.ts';

/** The bare server starts within this, also on a slow host. */
const startMs = 20_000;
const singleRequests = 60;
const streams = 16;
const tokensAStream = 400;
const requestMs = 20_000;

/** `command`: starts the bare server, which prints its port. Rejects when it does not start. */
export async function measureOwnCost(
  [program, ...words]: readonly [string, ...string[]],
  environment: Environment,
  signal: AbortSignal,
): Promise<GeneratorCost> {
  const server = spawn(program, words, { stdio: ['pipe', 'pipe', 'ignore'], env: environment });
  try {
    const url = `http://127.0.0.1:${await portOf(server)}`;
    const sender = createSender({ url, model: 'bare' }, requestMs, signal);
    const firsts: number[] = [];
    for (let i = 0; i < singleRequests; i++) {
      const answer = await sender.send('hello', 1, {});
      // The first ones open the connection and warm up both sides.
      if (answer.ok && i >= singleRequests / 3) firsts.push(answer.firstMs);
    }
    const before = performance.eventLoopUtilization();
    const beginAt = performance.now();
    const answers = await Promise.all(
      Array.from({ length: streams }, () => sender.send('hello', tokensAStream, {})),
    );
    const seconds = (performance.now() - beginAt) / 1000;
    const { utilization } = performance.eventLoopUtilization(before);
    sender.end();
    const tokens = answers.reduce((sum, answer) => sum + (answer.ok ? answer.completionTokens : 0), 0);
    const sorted = firsts.toSorted((a, b) => a - b);
    return {
      ttftP50Ms: quantile(sorted, 0.5),
      ttftP99Ms: quantile(sorted, 0.99),
      // Where the server was the slower of the two, the generator still had time left.
      tokensPerSecond: tokens / seconds / Math.max(utilization, 0.05),
    };
  } finally {
    server.kill('SIGKILL');
  }
}

async function portOf(server: ReturnType<typeof spawn>): Promise<number> {
  return await new Promise((resolve, reject) => {
    const limit = setTimeout(
      () => reject(new Error(`the bare server did not start within ${startMs / 1000} s`)),
      startMs,
    );
    const settle = (port: number): void => {
      clearTimeout(limit);
      if (port > 0) resolve(port);
      else reject(new Error('the bare server did not start'));
    };
    server.on('error', () => settle(0));
    server.on('exit', () => settle(0));
    server.stdout?.once('data', (text: Buffer) => settle(Number(text.toString())));
  });
}
