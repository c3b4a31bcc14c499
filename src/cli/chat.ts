/** `dynamo chat`: a conversation in the terminal, or line by line through a pipe. */
import type { Environment } from '../base/environment.ts';
import { isServing } from '../plan/plan.ts';
import { Option } from 'commander';
import { DynamoError } from '../base/error.ts';
import { conceal } from '../base/secrets.ts';
import { stateFolders } from '../run/folders.ts';
import { type ChatTarget, converse } from './chat/session.ts';
import { wholeNumber } from './flag-values.ts';
import { firstModel, foreignUrl } from './foreign-url.ts';
import { livePlan } from '../deployment/find-run.ts';
import { chosenOnCluster } from './kubernetes/chosen.ts';
import { addPlaceOptions, type PlaceFlags } from './kubernetes/place-options.ts';
import { requireLinux } from '../package/platform.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo chat                              chat with the run that is up
  dynamo chat disagg --system 'Be brief.'  chat with a system prompt
  dynamo chat --url http://gpu7:8000       chat with a deployment that dynamo did not start
  echo 'What is NATS?' | dynamo chat       read one question per line, answer on stdout

In a chat, /help lists what you can type besides questions: /new, /system TEXT, /image FILE, /exit.`;

interface ChatFlags extends PlaceFlags {
  readonly model?: string;
  readonly url?: string;
  readonly system?: string;
  readonly image?: string;
  readonly maxTokens?: number;
}

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .argument('[run]', 'name or id of a run; default: the one that is up')
    .option('--model <model>', 'name of the model in the API; default: the model that is served')
    .option('--url <url>', 'a deployment that dynamo did not start: http://host:port')
    .option('--system <text>', 'system prompt')
    .option('--image <file>', 'image that the first question is about, for a vision model')
    .addOption(
      new Option(
        '--max-tokens <n>',
        'maximum tokens in an answer; default: up to the server, or 256 where it wants a limit',
      ).argParser(count),
    )
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: ChatFlags) =>
      settle(await chat(asked, flags, environment)),
    );
};

async function chat(asked: string | undefined, flags: ChatFlags, environment: Environment): Promise<number> {
  const cluster =
    flags.url === undefined ? await chosenOnCluster(asked, flags, 'chat', environment) : undefined;
  if (cluster !== undefined) {
    const { requireChat, withReached } = await import('./kubernetes/reach.ts');
    requireChat(cluster);
    return await withReached(cluster, environment, async ({ url, model }) => {
      const { maxTokens } = flags;
      return await converse({ url, model: flags.model ?? model, maxTokens }, flags, environment);
    });
  }
  const target =
    flags.url === undefined
      ? ownTarget(asked, flags, environment)
      : await foreignTarget(flags.url, asked, flags);
  return await converse(target, flags, environment);
}

function ownTarget(
  asked: string | undefined,
  { model, maxTokens }: ChatFlags,
  environment: Environment,
): ChatTarget {
  requireLinux('chat');
  const { plan } = livePlan(stateFolders(environment), asked, 'chat');
  const serves = isServing(plan) ? plan.proof.request : undefined;
  if (!isServing(plan) || (serves !== 'chat' && serves !== 'vision')) {
    throw new DynamoError('usage', `${plan.name} cannot chat: it serves ${serves ?? 'no model'}.`, {
      hint: 'dynamo up agg   # serves a chat model',
      fields: { asked: plan.name },
    });
  }
  return { url: plan.http.url, model: model ?? plan.model.servedName, maxTokens };
}

async function foreignTarget(
  asked: string,
  run: string | undefined,
  { model, maxTokens }: ChatFlags,
): Promise<ChatTarget> {
  if (run !== undefined) {
    throw new DynamoError('usage', `Give a run or --url, not both: ${run} and ${conceal(asked)}.`, {
      hint: `dynamo chat --url ${conceal(asked)}`,
      fields: { option: '--url', asked: conceal(asked) },
    });
  }
  const url = foreignUrl(asked, 'chat');
  return { url, model: model ?? (await firstModel(url)), maxTokens };
}

function count(text: string): number {
  const tokens = wholeNumber(text, 1);
  if (tokens !== undefined) return tokens;
  throw new DynamoError(
    'usage',
    `--max-tokens ${JSON.stringify(text)}: expected a whole number of at least 1.`,
    {
      hint: 'dynamo chat --max-tokens 256',
      fields: { option: '--max-tokens', asked: text },
    },
  );
}
