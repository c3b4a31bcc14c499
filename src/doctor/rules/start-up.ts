/** The start-up time ran out while a process was still loading, or after it had stopped. */
import { progressText } from '../../supervisor/progress.ts';
import { waitedText } from '../../supervisor/events.ts';
import type { Rule } from '../rule.ts';

/** What moved so lately was not stuck. */
const recentMs = 60_000;

/** The time was over while a process still got on: it needs longer, nothing is wrong. */
export const stillLoading: Rule = {
  id: 'still-loading',
  check: 'D21',
  kind: 'consequence',
  sees: 'progress of a download, of loading weights or of capturing CUDA graphs until the time was over',
  fixes: 'a longer `--timeout`, or `hf download MODEL` before',
  find: ({ failure, plan, serving, subject }) => {
    const { progress, progressAgoMs = Infinity, waited } = failure;
    if (failure.code !== 'not-ready' || progress === undefined) return undefined;
    if (subject !== undefined && subject.spec.name !== failure.process) return undefined;
    // A profile with a short time-out is stuck sooner.
    const timeoutMs = Math.min(plan.readyTimeoutMs, subject?.spec.startupTimeoutMs ?? Infinity);
    if (progressAgoMs > Math.min(recentMs, timeoutMs / 2)) return undefined;
    const downloads = progress.doing === 'downloading';
    const wait = waitedText(waited);
    const before = wait === undefined ? '' : `; before it could start, it ${wait}`;
    return {
      cause: `${failure.process ?? 'a worker'} was still ${progress.doing} when the time was over: ${progressText(progress)}${before}`,
      evidence: [],
      fix:
        downloads && serving !== undefined
          ? `hf download ${serving.model.path}   # then again; or a longer wait: --timeout 7200`
          : '--timeout 3600   # a longer wait',
      fromOutside: true,
    };
  },
};

/** A process got on for a while, and then no further until the time was over. */
export const loadStalled: Rule = {
  id: 'load-stalled',
  check: 'D21',
  kind: 'consequence',
  sees: 'progress of a download or of loading that stopped, and nothing new for the whole start-up time-out',
  fixes: '`hf download MODEL`, which goes on where it was; or the log',
  find: ({ failure, serving, subject }) => {
    const { progress, progressAgoMs } = failure;
    if (failure.code !== 'not-ready' || progress === undefined || progressAgoMs === undefined)
      return undefined;
    if (subject !== undefined && subject.spec.name !== failure.process) return undefined;
    const seconds = Math.round(progressAgoMs / 1000);
    return {
      cause: `${failure.process ?? 'a worker'} got no further for ${seconds} s after ${progressText(progress)}`,
      evidence: [],
      fix:
        progress.doing === 'downloading' && serving !== undefined
          ? `hf download ${serving.model.path}   # goes on where it was, and shows what hinders it`
          : `dynamo logs ${failure.process ?? ''} --tail 50`.replace('  ', ' '),
      fromOutside: true,
    };
  },
};
