/** Traces reach a collector that accepts nothing else, and no log fills with errors. */
import { createServer } from 'node:http2';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { textBelow, up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { pythons } from '../support/python.ts';

/** Accepts gRPC like a trace collector; anything else is refused as not implemented. */
async function collector() {
  const asked: string[] = [];
  const server = createServer();
  server.on('stream', (stream, headers) => {
    const path = String(headers[':path']);
    asked.push(path);
    const status = path.includes('TraceService') ? '0' : '12';
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
    stream.on('error', () => {});
    stream.resume();
    stream.end(Buffer.alloc(5));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, asked, server };
}

const timeout = 240_000;

describe.each(pythons('mocker'))('$name', ({ python }) => {
  test('spans arrive, logs stay quiet', { timeout }, async ({ world }) => {
    const { url, asked, server } = await collector();
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url };
    const words = ['--engine', 'mocker', '--python', python, '--set', 'tracing=true'];
    const running = await up(world, 'agg', words, { env });
    const { client, model } = running;
    const chat = { model, messages: [{ role: 'user' as const, content: 'Hello!' }], max_tokens: 4 };
    await client.chat.completions.create(chat);
    const spans = (): number => asked.filter((path) => path.endsWith('TraceService/Export')).length;
    await until('a batch of spans', () => spans() >= 1, 30_000);
    await client.chat.completions.create(chat);
    // By then, ten batches of logs would have been sent and refused.
    await until('a later batch', () => spans() >= 3, 60_000);
    const logs = textBelow(join(world.state, 'dynamo', 'runs'));
    expect(logs).not.toContain('batch_log_processor');
    expect(asked.filter((path) => path.includes('Logs'))).toEqual([]);
    await succeed(world, ['down']);
    server.close();
  });

  test('logs stay quiet where nothing listens', { timeout }, async ({ world }) => {
    // Closed again: nobody listens there.
    const { url, server } = await collector();
    await new Promise((resolve) => server.close(resolve));
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url };
    await up(world, 'agg', ['--engine', 'mocker', '--python', python, '--set', 'tracing=true'], { env });
    const began = performance.now();
    // An exporter of logs would have failed ten times by then, once a second.
    await until('ten seconds', () => performance.now() - began > 10_000, 30_000);
    expect(textBelow(join(world.state, 'dynamo', 'runs'))).not.toContain('batch_log_processor');
    await succeed(world, ['down']);
  });
});
