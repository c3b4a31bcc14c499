/** Shared by all text routes: start the work, measure it, and answer as one body or as server-sent events. */
import { asApiError, asObject, type Body, errorBody, flag } from './api-body.ts';
import { type Dispatched, dispatchText, type Exchange, type TextWork } from './dispatch.ts';
import { sendJson } from './http.ts';
import { traceRequest } from './request-trace.ts';
import { spoilAnswer } from './seeded-fault.ts';

export interface Finished {
  readonly text: string;
  readonly finishReason: string;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

/** How a route formats its answer; an event with a `type` is named by it. */
export interface Shape {
  whole(done: Finished): Body;
  readonly begin: readonly Body[];
  piece(text: string): Body;
  end(done: Finished): readonly Body[];
}

/** Reads the answer to its end; `onText` gets each piece as it arrives. */
type Finish = (onText: (text: string) => void) => Promise<Finished>;

export async function answerText(exchange: Exchange, work: TextWork, shape: Shape): Promise<void> {
  const { body, response, metrics, model, id } = exchange;
  const streamed = flag(body, 'stream');
  const dispatched = await dispatchText(exchange, work);
  const sent = performance.now();
  const extension = extensionOf(body, dispatched);
  // Read before the status is sent, so that a failure until then still gets its own status.
  const start = (await dispatched.frames.next()).value;
  if (start?.type !== 'start') throw new Error('the worker did not start its answer');
  const { promptTokens, cachedTokens } = start;
  metrics.observe('dynamo_frontend_input_sequence_tokens', { model }, promptTokens);
  metrics.observe('dynamo_frontend_cached_tokens', { model }, cachedTokens);
  const finish: Finish = async (onText) => {
    let firstToken: number | undefined;
    const rest = await collect(exchange, dispatched, (text) => {
      firstToken ??= performance.now();
      onText(text);
    });
    const { prefillId, decodeId, hitRate } = dispatched;
    traceRequest({
      id,
      received: exchange.startedAt,
      dispatched: sent,
      firstToken,
      ended: performance.now(),
      promptTokens,
      cachedTokens,
      completionTokens: rest.completionTokens,
      hitRate,
      prefillId,
      decodeId,
    });
    return { ...rest, promptTokens, cachedTokens };
  };
  if (streamed) await stream(exchange, shape, finish, extension);
  else {
    const answer = spoilAnswer(exchange.fault, shape.whole(await finish(() => {})));
    sendJson(response, 200, withExtension(answer, extension));
  }
}

async function stream(
  { response, signal, fault }: Exchange,
  shape: Shape,
  finish: Finish,
  extension: string,
): Promise<void> {
  const send = (event: Body, more = ''): void => {
    const name = 'type' in event ? `event: ${String(event['type'])}\n` : '';
    response.write(`${name}data: ${withExtension(event, more)}\n\n`);
  };
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  try {
    for (const event of shape.begin) send(event);
    // As in upstream, the first event already names the workers.
    let first = extension;
    const done = await finish((text) => {
      send(shape.piece(text), first);
      first = '';
    });
    for (const [index, event] of shape.end(done).entries()) send(event, index === 0 ? extension : '');
  } catch (error) {
    if (signal.aborted) throw error;
    // The status has been sent: the failure becomes an event; docs/upstream/frontend.md#answers.
    response.write(`data: ${JSON.stringify(errorBody(asApiError(error)))}\n\n`);
  }
  response.end(fault === 'chat-stream' ? '' : 'data: [DONE]\n\n');
}

async function collect(
  { metrics, model, loads, startedAt }: Exchange,
  { frames, prefillWork, decodeWork }: Dispatched,
  onText: (text: string) => void,
) {
  const labels = { model };
  let before: number | undefined;
  let text = '';
  let counted = 0;
  let end = { finishReason: '', completionTokens: 0 };
  for await (const frame of frames) {
    if (frame.type === 'text') {
      const now = performance.now();
      const seconds = (now - (before ?? startedAt)) / 1000;
      if (before === undefined) {
        metrics.observe('dynamo_frontend_time_to_first_token_seconds', labels, seconds);
        loads.firstToken(prefillWork, seconds);
      } else {
        metrics.observe('dynamo_frontend_inter_token_latency_seconds', labels, seconds);
        loads.nextToken(decodeWork, seconds);
      }
      metrics.count('dynamo_frontend_output_tokens_total', labels);
      counted++;
      before = now;
      text += frame.text;
      onText(frame.text);
    } else if (frame.type === 'end') end = frame;
  }
  // A stop string is a token that is not sent.
  metrics.count('dynamo_frontend_output_tokens_total', labels, end.completionTokens - counted);
  metrics.observe('dynamo_frontend_output_sequence_tokens', labels, end.completionTokens);
  return { text, finishReason: end.finishReason, completionTokens: end.completionTokens };
}

/** Worker ids are beyond 2^53, so they are written into the JSON as text. */
function extensionOf(body: Body, { prefillId, decodeId, hitRate }: Dispatched): string {
  const fields = asObject(body['nvext'])?.['extra_fields'];
  if (!Array.isArray(fields)) return '';
  const requested = [
    ...(fields.includes('worker_id')
      ? [`"worker_id":{"prefill_worker_id":${prefillId},"decode_worker_id":${decodeId}}`]
      : []),
    ...(fields.includes('timing') && hitRate !== undefined ? [`"timing":{"kv_hit_rate":${hitRate}}`] : []),
  ];
  return requested.length === 0 ? '' : `,"nvext":{${requested.join(',')}}`;
}

function withExtension(body: Body, extension: string): string {
  return `${JSON.stringify(body).slice(0, -1)}${extension}}`;
}
