/** What tests on several hosts ask of each. */
import type { RunRow, Up } from '../../e2e/harness/deployment.ts';
import type { Host } from './two-hosts.ts';

export async function answers(host: Host, url: string): Promise<boolean> {
  return await host.get(url).then(
    () => true,
    () => false,
  );
}

export async function rowOf(host: Host): Promise<RunRow> {
  const { runs } = JSON.parse((await host.dynamo('ps', '--json')).stdout) as { runs: RunRow[] };
  const [row] = runs;
  if (row === undefined) throw new Error('no run is up');
  return row;
}

/** The tokens of an answer to a chat request; 0 if it has none. */
export async function ask(host: Host, { url, model }: Up, limitS?: number): Promise<number> {
  const messages = [{ role: 'user', content: 'What is a KV cache?' }];
  const answer = JSON.parse(
    await host.get(`${url}/v1/chat/completions`, { model, messages, max_tokens: 8 }, limitS),
  ) as {
    usage?: { completion_tokens: number };
  };
  return answer.usage?.completion_tokens ?? 0;
}
