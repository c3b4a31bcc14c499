/** A deployment that dynamo did not start, as `--url` names it. */
import { DynamoError } from '../base/error.ts';
import { conceal } from '../base/secrets.ts';
import { messageOf } from '../base/error-code.ts';
import { listOf, objectOf, textOf } from '../smoke/answers.ts';

const answerWithinMs = 10_000;

/** Without a trailing slash or /v1. Throws `usage`. */
export function foreignUrl(url: string, verb: string): string {
  if (/^https?:\/\//.test(url)) return url.replace(/\/+$/, '').replace(/\/v1$/, '');
  throw new DynamoError('usage', `--url ${JSON.stringify(conceal(url))}: expected http://host:port.`, {
    hint: `dynamo ${verb} --url http://${conceal(url)}`,
    fields: { option: '--url', asked: conceal(url) },
  });
}

/** The first model that it lists. Throws `unavailable`. */
export async function firstModel(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(answerWithinMs) });
    const name = textOf(objectOf(listOf(objectOf(await response.json()).data)[0]).id);
    if (name !== undefined) return name;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw unreachable(url, messageOf(cause));
  }
  throw unreachable(url, 'it lists no model');
}

function unreachable(url: string, why: string): DynamoError {
  const shown = `${conceal(url)}/v1/models`;
  return new DynamoError('unavailable', `No model name could be read from ${shown}: ${conceal(why)}.`, {
    hint: `curl ${shown}`,
    fields: { address: shown },
  });
}
