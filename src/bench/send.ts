/** Sends one streamed chat request over a kept connection, and notes when each piece of its answer arrives. */
import { setMaxListeners } from 'node:events';
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import { errorCode, messageOf } from '../base/error-code.ts';

export interface BenchTarget {
  /** Without a trailing slash or /v1. */
  readonly url: string;
  readonly model: string;
}

export interface Sender {
  send(content: string, maxTokens: number, extra: object): Promise<Answer>;
  /** Closes the connections that are kept. */
  end(): void;
}

export type Answer =
  | {
      readonly ok: true;
      /** Milliseconds from when it was sent. */
      readonly firstMs: number;
      readonly lastMs: number;
      readonly gapsMs: readonly number[];
      readonly promptTokens: number;
      readonly cachedTokens: number;
      readonly completionTokens: number;
      /** The server sent no `usage`: pieces were counted instead of tokens. */
      readonly counted: 'by the server' | 'by pieces';
      /** Of its text. */
      readonly beginning: string;
    }
  | {
      readonly ok: false;
      readonly afterMs: number;
      readonly why: string;
      readonly status: number | undefined;
    };

/** `signal` ends every request that is under way, as a failed one. */
export function createSender({ url, model }: BenchTarget, timeoutMs: number, signal: AbortSignal): Sender {
  const place = new URL(`${url}/v1/chat/completions`);
  const secure = place.protocol === 'https:';
  const agent = new (secure ? HttpsAgent : HttpAgent)({
    keepAlive: true,
    maxSockets: Infinity,
    noDelay: true,
  });
  // One for each request that is under way.
  setMaxListeners(0, signal);
  const open = secure ? httpsRequest : httpRequest;
  return {
    end: () => agent.destroy(),
    send: async (content, maxTokens, extra) => {
      const body = JSON.stringify({
        model,
        messages: [{ role: 'user', content }],
        max_tokens: maxTokens,
        stream: true,
        stream_options: { include_usage: true },
        ...extra,
      });
      return await new Promise((resolve) => {
        const reader = answerReader();
        const sentAt = performance.now();
        const fail = (why: string, status?: number): void =>
          settle({ ok: false, afterMs: performance.now() - sentAt, why, status });
        const settle = (answer: Answer): void => {
          clearTimeout(limit);
          signal.removeEventListener('abort', onAbort);
          resolve(answer);
        };
        const options = {
          method: 'POST',
          agent,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            authorization: 'Bearer EMPTY',
          },
        };
        const onResponse = (response: IncomingMessage): void => {
          const status = response.statusCode ?? 0;
          if (status !== 200) {
            refused(response, status, fail);
            return;
          }
          response.on('data', (piece: Buffer) => reader.read(piece, performance.now() - sentAt));
          response.on('error', (error) => fail(codeOf(error)));
          response.on('end', () => settle(reader.answer(performance.now() - sentAt)));
        };
        const request = open(place, options, onResponse);
        request.on('error', (error) => fail(codeOf(error)));
        const onAbort = (): void => {
          fail('stopped');
          request.destroy();
        };
        signal.addEventListener('abort', onAbort);
        const limit = setTimeout(() => {
          fail(`not finished within ${timeoutMs / 1000} s`);
          request.destroy();
        }, timeoutMs);
        request.end(body);
        if (signal.aborted) onAbort();
      });
    },
  };
}

function codeOf(error: unknown): string {
  return errorCode(error) ?? messageOf(error);
}

function refused(
  response: IncomingMessage,
  status: number,
  fail: (why: string, status: number) => void,
): void {
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (piece: string) => (text += text.length < 2_000 ? piece : ''));
  response.on('error', () => fail(`HTTP ${status}`, status));
  response.on('end', () => fail(`HTTP ${status}: ${reasonIn(text)}`, status));
}

/** The message in the body of an error, on one line. */
export function reasonIn(text: string): string {
  const found = /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text;
  return found.replaceAll(/\s+/g, ' ').slice(0, 120);
}

interface Usage {
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null;
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: Usage | null;
  readonly error?: unknown;
}

/** Reads server-sent events. All that arrive in one piece arrived at the same time. */
function answerReader() {
  const decoder = new StringDecoder('utf8');
  const gapsMs: number[] = [];
  let rest = '';
  let firstMs: number | undefined;
  let lastMs = 0;
  let pieces = 0;
  let beginning = '';
  let usage: Usage | undefined;
  let finished = false;
  let failure: string | undefined;
  const take = (chunk: Chunk, atMs: number): void => {
    if (chunk.error !== undefined) failure = `error in the stream: ${reasonIn(JSON.stringify(chunk.error))}`;
    if (chunk.usage !== undefined && chunk.usage !== null) usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (choice?.finish_reason !== undefined && choice.finish_reason !== null) finished = true;
    if (choice?.delta === undefined || !(choice.delta.content || choice.delta.reasoning_content)) return;
    pieces += 1;
    if (beginning.length < 100) beginning += choice.delta.content ?? '';
    if (firstMs === undefined) firstMs = atMs;
    else gapsMs.push(atMs - lastMs);
    lastMs = atMs;
  };
  const line = (text: string, atMs: number): void => {
    if (!text.startsWith('data:')) return;
    const data = text.slice('data:'.length).trim();
    if (data === '[DONE]') {
      finished = true;
      return;
    }
    try {
      take(JSON.parse(data) as Chunk, atMs);
    } catch {
      failure = 'the stream is not JSON';
    }
  };
  return {
    read: (piece: Buffer, atMs: number): void => {
      const text = rest + decoder.write(piece);
      let from = 0;
      for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', from)) {
        line(text.slice(from, at), atMs);
        from = at + 1;
      }
      rest = text.slice(from);
    },
    answer: (endMs: number): Answer => {
      const why =
        failure ??
        (finished ? (firstMs === undefined ? 'no tokens in the answer' : undefined) : 'the answer broke off');
      if (why !== undefined || firstMs === undefined)
        return { ok: false, afterMs: endMs, why: why ?? 'no tokens in the answer', status: 200 };
      return {
        ok: true,
        firstMs,
        lastMs,
        gapsMs,
        promptTokens: usage?.prompt_tokens ?? 0,
        cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
        completionTokens: usage?.completion_tokens ?? pieces,
        beginning,
        counted: usage?.completion_tokens === undefined ? 'by pieces' : 'by the server',
      };
    },
  };
}
