/** Logs of processes that join a run while its logs are followed. */
import type { RunEvent } from '../supervisor/events.ts';
import type { RunFiles } from './folders.ts';
import { logTail } from './log-file.ts';
import type { FollowedLog, LogFollower } from './log-follow.ts';
import { readPlan } from './record.ts';

/** Follows them from the event on. One that was there before under that name wrote the rest of its log. */
export function followAdded(follower: LogFollower | undefined, files: RunFiles, event: RunEvent): void {
  if (follower === undefined || event.type !== 'changed' || event.added.length === 0) return;
  for (const log of logsOf(files, event.added)) follower.add(log);
}

function logsOf(files: RunFiles, names: readonly string[]): FollowedLog[] {
  const specs = readPlan(files)?.processes.filter(({ name }) => names.includes(name)) ?? [];
  return specs.map(({ name, logFile }) => ({ process: name, file: logFile, from: logTail(logFile, 0).end }));
}
