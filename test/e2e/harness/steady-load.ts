/** A closed loop of requests that runs while something else happens, and counts what becomes of them. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Tally {
  sent: number;
  answered: number;
  /** What went wrong, one line a request. */
  readonly failed: string[];
}

export interface Load {
  /** Settles when so many more have been answered. */
  answers(more: number): Promise<void>;
  /** Settles when the requests in flight have ended. */
  end(): Promise<Tally>;
}

/** Each answer is read to its end and must say that it is complete. Every other one is streamed. */
export function steadyLoad(url: string, model: string, clients: number, maxTokens = 16): Load {
  const tally: Tally = { sent: 0, answered: 0, failed: [] };
  const over = new AbortController();
  const client = async (index: number): Promise<void> => {
    for (let round = 0; !over.signal.aborted; round++) {
      tally.sent++;
      const stream = round % 2 === 0;
      try {
        const response = await fetch(`${url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            model,
            messages: [{ role: 'user', content: `request ${round} of client ${index}` }],
            max_tokens: maxTokens,
            stream,
          }),
          signal: AbortSignal.timeout(30_000),
        });
        const text = await response.text();
        const isWhole =
          /"finish_reason":\s*"(length|stop)"/.test(text) && (!stream || text.includes('[DONE]'));
        if (response.status === 200 && isWhole && !/event: error/.test(text)) tally.answered++;
        else tally.failed.push(`HTTP ${response.status}: ${text.slice(-200)}`);
      } catch (error) {
        tally.failed.push(String(error));
      }
    }
  };
  const running = Promise.all(Array.from({ length: clients }, (_, i) => client(i)));
  return {
    answers: async (more) => {
      const [goal, deadline] = [tally.answered + more, performance.now() + 60_000];
      while (tally.answered < goal) {
        if (performance.now() > deadline)
          throw new Error(
            `${tally.answered} of ${goal} requests answered; failed: ${tally.failed.join('\n')}`,
          );
        await delay(10);
      }
    },
    end: async () => {
      over.abort();
      await running;
      return tally;
    },
  };
}
