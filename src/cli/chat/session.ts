/** The conversation of `dynamo chat`: questions from a terminal or a pipe, answers as they come. */
import type { Environment } from '../../base/environment.ts';
import { createInterface } from 'node:readline';
import { plainText } from '../../base/terminal-text.ts';
import { DynamoError } from '../../base/error.ts';
import { errorText } from '../../view/error.ts';
import { styleFor } from '../../view/style.ts';
import { answerTo, type ChatTarget, type Message } from './answer.ts';
import { readerGone } from '../reader.ts';

/**
 * Until there are no more questions; returns 0. Throws what an answer throws when questions come through a pipe; in a
 * terminal it is shown, and the next question may come.
 */
export async function converse(
  target: ChatTarget,
  system: string | undefined,
  environment: Environment,
): Promise<number> {
  const { stdin, stderr } = process;
  const interactive = stdin.isTTY && stderr.isTTY;
  const start: readonly Message[] = system === undefined ? [] : [{ role: 'system', content: system }];
  let messages = start;
  // Prompts are no data: they go where notes go.
  const lines = createInterface({ input: stdin, output: stderr, terminal: interactive, prompt: '> ' });
  const ask = (): void => {
    if (interactive) lines.prompt();
  };
  if (interactive) {
    stderr.write(`${target.model} at ${target.url}; Ctrl-C ends an answer, Ctrl-D leaves\n`);
    lines.on('SIGINT', () => {
      stderr.write('\n(Ctrl-D leaves)\n');
      // What was typed is forgotten, as in a shell.
      lines.write(null, { ctrl: true, name: 'u' });
      lines.prompt();
    });
  }
  ask();
  for await (const line of lines) {
    const question = line.trim();
    if (question === '/exit' || readerGone.aborted) {
      lines.close();
      return 0;
    }
    if (question === '/new') messages = start;
    else if (question !== '')
      messages = await turn(messages, question, { target, lines, interactive, environment });
    ask();
  }
  // Ctrl-D leaves the cursor behind the prompt.
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

/** The conversation after this question; as it was when nothing was answered. */
async function turn(messages: readonly Message[], question: string, ends: Ends): Promise<readonly Message[]> {
  const { lines, interactive, environment } = ends;
  const asked: readonly Message[] = [...messages, { role: 'user', content: question }];
  const over = new AbortController();
  const end = (): void => over.abort();
  readerGone.addEventListener('abort', end);
  if (interactive) {
    // The terminal turns Ctrl-C into a signal again, and what is typed meanwhile waits.
    lines.pause();
    process.stdin.setRawMode(false);
    process.on('SIGINT', end);
  }
  try {
    const content = await show(asked, ends, over.signal);
    return content === '' ? messages : [...asked, { role: 'assistant', content }];
  } catch (error) {
    if (!interactive || !(error instanceof DynamoError)) throw error;
    process.stderr.write(errorText(error, styleFor(process.stderr, environment)));
    return messages;
  } finally {
    readerGone.removeEventListener('abort', end);
    process.off('SIGINT', end);
    if (interactive) {
      process.stdin.setRawMode(true);
      lines.resume();
    }
  }
}

/** Writes the answer to stdout; returns what of it is no thought. */
async function show(
  asked: readonly Message[],
  { target, environment }: Ends,
  signal: AbortSignal,
): Promise<string> {
  const style = styleFor(process.stdout, environment);
  let content = '';
  let thought = false;
  for await (const piece of answerTo(asked, target, signal)) {
    if (thought && !piece.isThought) process.stdout.write('\n\n');
    thought = piece.isThought;
    if (!piece.isThought) content += piece.text;
    // A model must not be able to steer the terminal.
    const text = process.stdout.isTTY ? plainText(piece.text) : piece.text;
    process.stdout.write(piece.isThought ? style.dim(text) : text);
  }
  process.stdout.write('\n');
  return content;
}
