/** A process got on for a while, and then no further until the time was over. */
import { progressText } from '../../supervisor/load.ts';
import type { Rule } from '../rule.ts';

export const loadStalled: Rule = {
  id: 'load-stalled',
  check: 'D21',
  kind: 'consequence',
  sees: 'progress of a download or of loading that stopped, and nothing new for the whole start-up time-out',
  fixes: '`hf download MODEL`, which goes on where it was; or the log',
  find: ({ failure, plan, subject }) => {
    const { progress, progressAgoMs } = failure;
    if (failure.code !== 'not-ready' || progress === undefined || progressAgoMs === undefined)
      return undefined;
    if (subject !== undefined && subject.spec.name !== failure.process) return undefined;
    const seconds = Math.round(progressAgoMs / 1000);
    return {
      cause: `${failure.process ?? 'a worker'} got no further for ${seconds} s after ${progressText(progress)}`,
      evidence: [],
      fix:
        progress.doing === 'downloading'
          ? `hf download ${plan.model.path}   # goes on where it was, and shows what hinders it`
          : `dynamo logs ${failure.process ?? ''} --tail 50`.replace('  ', ' '),
      fromOutside: true,
    };
  },
};
