/** Decides what follows when a process ends that nobody asked to end. */
import type { RestartRule } from '../plan/plan.ts';

export type Verdict =
  | { readonly restart: true; readonly delayMs: number }
  | { readonly restart: false; readonly because: 'policy' | 'crash loop' };

/**
 * `restartsAt`: when this process was restarted before, in milliseconds. Any end is a failure, also with exit code 0:
 * real workers end so when they lose etcd. `random` in [0, 1) spreads the delay by a fifth, so that workers that died
 * together do not load together.
 */
export function afterExit(
  rule: RestartRule,
  restartsAt: readonly number[],
  now: number,
  random: number,
): Verdict {
  if (rule.policy === 'no') return { restart: false, because: 'policy' };
  const recent = restartsAt.filter((at) => now - at < rule.windowMs).length;
  if (rule.maxRestarts !== undefined && recent >= rule.maxRestarts)
    return { restart: false, because: 'crash loop' };
  const delay = Math.min(rule.maxDelayMs, rule.firstDelayMs * 2 ** recent);
  return { restart: true, delayMs: Math.round(delay * (0.8 + 0.4 * random)) };
}
