/** The conversation of `dynamo chat`: questions from a terminal or a pipe, answers as they come. */
import { createInterface } from 'node:readline';
import { commandsText, type ImagePart, imageFrom, unknownCommand } from './commands.ts';
import type { Environment } from '../../base/environment.ts';
import { plainText } from '../../base/terminal-text.ts';
import { DynamoError } from '../../base/error.ts';
import { errorText, styleFor } from '../../view/style.ts';
import { readerGone } from '../reader.ts';
import { errorCode, messageOf } from '../../base/error-code.ts';
import { eventLines, type Json, listOf, objectOf, shown, textOf } from '../../smoke/answers.ts';

export interface ChatTarget {
  /** Without a trailing slash. */
  readonly url: string;
  readonly model: string;
  readonly maxTokens?: number | undefined;
}

interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string | readonly (TextPart | ImagePart)[];
}

interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

interface Piece {
  readonly text: string;
  /** Part of a model's reasoning, which comes before its answer. */
  readonly isReasoning: boolean;
}

/** Ends early and without an error when `signal` aborts. Throws `unavailable` when there is no answer or it breaks off. */
async function* answerTo(
  messages: readonly Message[],
  target: ChatTarget,
  signal: AbortSignal,
): AsyncGenerator<Piece, void> {
  try {
    for await (const event of eventLines(await request(messages, target, signal))) {
      if (event === '[DONE]') return;
      const chunk = objectOf(JSON.parse(event));
      if (chunk.error !== undefined && wantsLimit(target, shown(chunk.error)))
        return yield* answerTo(messages, { ...target, maxTokens: usualMaxTokens }, signal);
      yield* piecesOf(chunk, target);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof DynamoError) throw error;
    // fetch says only "fetch failed"; the cause knows why.
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw noAnswer(target, errorCode(cause) ?? messageOf(cause));
  }
}

/** For a server that wants a limit, such as the mocker, where none was given. */
const usualMaxTokens = 256;

/**
 * What Dynamo 1.1 to 1.6 say with the mocker, as an event of an answer that began with HTTP 200: "`max_output_tokens` (or
 * `max_tokens`) is required by the mocker worker".
 */
function wantsLimit({ maxTokens }: ChatTarget, said: string): boolean {
  return maxTokens === undefined && /max_\w*tokens\b.*required/.test(said);
}

async function request(
  messages: readonly Message[],
  target: ChatTarget,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const { model, maxTokens } = target;
  const response = await fetch(`${target.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer EMPTY' },
    body: JSON.stringify({
      model,
      messages,
      stream: true,
      ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    }),
    signal,
  });
  if (response.ok && response.body !== null) return response.body;
  const said = await response.text();
  if (response.status === 400 && wantsLimit(target, said))
    return await request(messages, { ...target, maxTokens: usualMaxTokens }, signal);
  throw refused(target, response.status, said);
}

function* piecesOf(chunk: Json, target: ChatTarget): Generator<Piece, void> {
  if (chunk.error !== undefined)
    throw refused(target, Number(objectOf(chunk.error).code) || 500, shown(chunk.error));
  const delta = objectOf(objectOf(listOf(chunk.choices)[0]).delta);
  const [thought, text] = [textOf(delta.reasoning_content), textOf(delta.content)];
  if (thought !== undefined && thought !== '') yield { text: thought, isReasoning: true };
  if (text !== undefined && text !== '') yield { text, isReasoning: false };
}

/** It answered, so it is up: what is wrong is in its answer. */
function refused({ url, model }: ChatTarget, status: number, said: string): DynamoError {
  const hint =
    status === 404
      ? `curl ${url}/v1/models   # lists the models that it serves`
      : status < 500
        ? 'dynamo chat --help   # the server refused the request as it was sent'
        : 'dynamo logs   # shows what the processes wrote';
  return new DynamoError('unavailable', `${model} at ${url} answered HTTP ${status}: ${shown(said)}`, {
    hint,
    fields: { address: url },
  });
}

function noAnswer({ url, model }: ChatTarget, why: string): DynamoError {
  return new DynamoError('unavailable', `The request to ${model} at ${url} failed: ${why}`, {
    hint: 'dynamo ps   # shows whether it is up and healthy',
    fields: { address: url, asked: model },
  });
}

/** What a conversation begins with. */
export interface Opening {
  readonly system?: string | undefined;
  /** File of an image that belongs to the first question. */
  readonly image?: string | undefined;
}

/**
 * Runs until there are no more questions; returns 0. When questions come through a pipe, throws what an answer throws; in a
 * terminal the error is shown, and the next question may follow.
 */
export async function converse(
  target: ChatTarget,
  { system, image }: Opening,
  environment: Environment,
): Promise<number> {
  const { stdin, stderr } = process;
  // Undefined for a pipe, and then readline would take stderr for both ends, and echo every question there.
  const interactive = stdin.isTTY === true && stderr.isTTY === true;
  let start: readonly Message[] = system === undefined ? [] : [{ role: 'system', content: system }];
  let messages = start;
  let images: readonly ImagePart[] = image === undefined ? [] : [imageFrom(image)];
  // Prompts are not data: they go to stderr.
  const lines = createInterface({ input: stdin, output: stderr, terminal: interactive, prompt: '> ' });
  const ask = (): void => {
    if (interactive) lines.prompt();
  };
  if (interactive) {
    stderr.write(`Chatting with ${target.model} at ${target.url}. /help lists the commands; Ctrl-D quits.\n`);
    lines.on('SIGINT', () => {
      stderr.write('\n(press Ctrl-D to quit)\n');
      // The typed line is discarded, as in a shell.
      lines.write(null, { ctrl: true, name: 'u' });
      lines.prompt();
    });
  }
  ask();
  for await (const line of lines) {
    const question = line.trim();
    if (readerGone.aborted || question === '/exit' || question === '/quit') {
      lines.close();
      return 0;
    }
    const [, word = '', rest = ''] = /^(\/[a-z]+)(?:\s+(.*))?$/.exec(question) ?? [];
    const say = (text: string): void => void stderr.write(`${text}\n`);
    try {
      if (question === '/new') {
        messages = start;
        images = [];
        if (interactive) say('a new conversation');
      } else if (question === '/help') say(commandsText);
      else if (word === '/system') {
        start = rest === '' ? [] : [{ role: 'system', content: rest }];
        messages = start;
        if (interactive) say('a new conversation, with that system prompt');
      } else if (word === '/image') {
        images = [...images, imageFrom(rest)];
        if (interactive) say('your next question is about this image');
      } else if (word === question && word !== '') throw unknownCommand(word);
      else if (question !== '') {
        messages = await turn(messages, { question, images }, { target, lines, interactive, environment });
        images = [];
      }
    } catch (error) {
      if (!interactive || !(error instanceof DynamoError)) throw error;
      stderr.write(errorText(error, styleFor(stderr, environment)));
    }
    ask();
  }
  // After Ctrl-D the cursor is still behind the prompt.
  if (interactive) stderr.write('\n');
  return 0;
}

/** The two ends of a conversation. */
interface Ends {
  readonly target: ChatTarget;
  readonly lines: ReturnType<typeof createInterface>;
  readonly interactive: boolean;
  readonly environment: Environment;
}

/** The conversation after this question; unchanged when there was no answer. */
async function turn(
  messages: readonly Message[],
  { question, images }: { readonly question: string; readonly images: readonly ImagePart[] },
  ends: Ends,
): Promise<readonly Message[]> {
  const { lines, interactive } = ends;
  const content = images.length === 0 ? question : [{ type: 'text', text: question } as const, ...images];
  const asked: readonly Message[] = [...messages, { role: 'user', content }];
  const over = new AbortController();
  const end = (): void => over.abort();
  readerGone.addEventListener('abort', end);
  if (interactive) {
    // The terminal sends Ctrl-C as a signal again, and input that is typed meanwhile waits.
    lines.pause();
    process.stdin.setRawMode(false);
    process.on('SIGINT', end);
  }
  try {
    const answer = await show(asked, ends, over.signal);
    return answer === '' ? messages : [...asked, { role: 'assistant', content: answer }];
  } finally {
    readerGone.removeEventListener('abort', end);
    process.off('SIGINT', end);
    if (interactive) {
      process.stdin.setRawMode(true);
      lines.resume();
    }
  }
}

/** Writes the answer to stdout; returns it without the model's reasoning. */
async function show(
  asked: readonly Message[],
  { target, environment }: Ends,
  signal: AbortSignal,
): Promise<string> {
  const style = styleFor(process.stdout, environment);
  let content = '';
  let reasoning = false;
  for await (const piece of answerTo(asked, target, signal)) {
    if (reasoning && !piece.isReasoning) process.stdout.write('\n\n');
    reasoning = piece.isReasoning;
    if (!piece.isReasoning) content += piece.text;
    // A model must not be able to control the terminal.
    const text = process.stdout.isTTY ? plainText(piece.text) : piece.text;
    process.stdout.write(piece.isReasoning ? style.dim(text) : text);
  }
  process.stdout.write('\n');
  return content;
}
