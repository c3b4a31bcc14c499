/** How often all of /proc may be searched: a search takes as long as /proc is full, and there may be many who ask. */

/** So long searches may follow one another without a rest, in milliseconds: those of a stop do. */
const burstMs = 100;

export interface LookPace {
  took(beganAt: number, endedAt: number): void;
  /** How long to rest from `now` before the next search. */
  restMs(now: number): number;
}

/** But for a short burst, half of the time at most goes into searches. All times are of one clock, in milliseconds. */
export function lookPace(): LookPace {
  let [owedMs, paidUntil] = [0, 0];
  const pay = (now: number): void => {
    owedMs = Math.max(0, owedMs - (now - paidUntil));
    paidUntil = now;
  };
  return {
    took: (beganAt, endedAt) => {
      pay(beganAt);
      owedMs += endedAt - beganAt;
      paidUntil = endedAt;
    },
    restMs: (now) => {
      pay(now);
      return Math.max(0, owedMs - burstMs);
    },
  };
}
