/** Reads the `/metrics` of a deployment before, while and after a point is loaded. */
import { systemClock } from '../../base/clock.ts';
import { levelsOf, roleFigures, type RoleLevels } from '../../bench/why.ts';
import { scrape, scrapeTargets } from '../../deployment/scrape.ts';
import { figures } from '../../metrics/figures.ts';
import type { Round } from '../../metrics/window.ts';
import type { Observe } from './session.ts';

/** A page has up to 120 kB: more often would be a load of its own. */
const everyMs = 1_000;

/** A deployment that dynamo did not start has no pages that we know. */
export const observe: Observe = async ({ plan }, signal) => {
  if (plan === undefined) return { end: async () => [] };
  const targets = scrapeTargets(plan);
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const first = await scrape(targets);
  const moments: RoleLevels[][] = [];
  const look = async (): Promise<Round> => {
    const round = await scrape(targets);
    moments.push(levelsOf(figures([round], targets)));
    return round;
  };
  const watching = (async () => {
    // Also short points are seen once: half way through their first second.
    for (let pauseMs = everyMs / 2; !stop.aborted; pauseMs = everyMs) {
      await systemClock.sleep(pauseMs, stop).catch(() => {});
      if (!stop.aborted) await look();
    }
  })();
  return {
    end: async () => {
      over.abort();
      await watching;
      const last = await scrape(targets);
      return roleFigures(moments, figures([first, last], targets, last.at - first.at + 1));
    },
  };
};
