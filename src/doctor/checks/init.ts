/** D19: in a container whose first process never reaps, dead processes stay as zombies for ever. */
import { type Check, ok, warn } from '../check.ts';
import type { HostView } from '../host-view.ts';
import { readProcess, readProcesses } from '../proc-files.ts';

/** An init reaps within milliseconds, a busy one within a second. */
const lookAgainMs = 1_000;
/** Ticks: what lived for less may be the child of a command that has just ended. */
const oldTicks = 1_000;

export const init: Check = {
  id: 'D19',
  name: 'init',
  title: 'the first process reaps what dies',
  severity: 'warn',
  look: async (host) => {
    const name = (await readProcess(host, 1))?.comm ?? 'unknown';
    const before = await zombiesOf(host);
    if (before.size === 0) return ok(`pid 1 is ${name}, no zombies under it`);
    await host.clock.sleep(lookAgainMs);
    const after = await zombiesOf(host);
    const staying = [...before].flatMap(([key, words]) => (after.has(key) ? [words] : []));
    if (staying.length === 0) return ok(`pid 1 is ${name}, which reaps`);
    return warn(
      `pid 1 (${name}) reaps late or never, zombies under it: ${staying.length}, ${staying.slice(0, 3).join(', ')}`,
      'docker run --init …   # zombies hold no memory, but every stop waits for them longer',
    );
  },
};

/** By pid and start, so that a pid that is used again is not taken for the same. */
async function zombiesOf(host: HostView): Promise<Map<string, string>> {
  const all = await readProcesses(host);
  const uptime = Number.parseFloat((await host.files.read('/proc/uptime')) ?? '');
  const found = all.filter(
    ({ ppid, state, startTicks }) => ppid === 1 && state === 'Z' && uptime * 100 - startTicks > oldTicks,
  );
  return new Map(found.map(({ pid, startTicks, comm }) => [`${pid}.${startTicks}`, `${comm} ${pid}`]));
}
