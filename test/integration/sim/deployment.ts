/** A frontend and workers of sim for one test, and the calls that tests make on them. */
import OpenAI from 'openai';
import { freePort } from '../../e2e/harness/ports.ts';
import { start, temporaryFolder, until, type Started } from './processes.ts';

export interface Deployment {
  readonly url: string;
  readonly frontend: Started;
  readonly workers: readonly Worker[];
  readonly env: Readonly<Record<string, string>>;
  readonly client: OpenAI;
}

export interface Worker extends Started {
  readonly status: string;
}

export const model = 'acme/tiny';

/** Starts a deployment, and waits until every worker answers on its status port and is known to the frontend. */
export async function deploy(
  workerFlags: readonly (readonly string[])[],
  frontendFlags: readonly string[] = [],
  planes: Readonly<Record<string, string>> = filesAndZmq(),
): Promise<Deployment> {
  const env = { DYN_NAMESPACE: 'dynamo', ...planes };
  const port = await freePort();
  const frontend = start(['frontend', '--http-port', String(port), ...frontendFlags], env);
  const workers = await Promise.all(workerFlags.map((flags) => startWorker(flags, env)));
  const url = `http://127.0.0.1:${port}`;
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
  await until('all workers are registered', async () => (await generateInstances(url)) === workers.length);
  return { url, frontend, workers, env, client };
}

function filesAndZmq(): Record<string, string> {
  return { DYN_DISCOVERY_BACKEND: 'file', DYN_FILE_KV: temporaryFolder(), DYN_EVENT_PLANE: 'zmq' };
}

export async function startWorker(
  flags: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Worker> {
  const port = await freePort();
  const argv = ['worker', '--model-path', model, ...flags];
  return { ...start(argv, { ...env, DYN_SYSTEM_PORT: String(port) }), status: `http://127.0.0.1:${port}` };
}

export async function generateInstances(url: string): Promise<number> {
  const { instances } = (await json(`${url}/health`)) as { instances: { endpoint: string }[] };
  return instances.filter(({ endpoint }) => endpoint === 'generate').length;
}

export async function listed(url: string): Promise<string[]> {
  const { data } = (await json(`${url}/v1/models`)) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}

export async function json(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}

export function post(url: string, path: string, body: unknown): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

export function ask(
  url: string,
  content: unknown,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Response> {
  return post(url, '/v1/chat/completions', {
    model,
    messages: [{ role: 'user', content }],
    max_tokens: 8,
    ...more,
  });
}

/** Sum of all series of a metric whose line contains the text. */
export async function metric(url: string, name: string, containing = ''): Promise<number> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
  const hits = lines.filter(
    (line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(containing),
  );
  return hits.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** A prompt of many blocks that depends on the word alone. */
export function longPrompt(word: string): string {
  return Array.from({ length: 300 }, (_, index) => `${word}${index}`).join(' ');
}
