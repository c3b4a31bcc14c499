/** Reads from the control group of a process which container it is in, and what ends that. */
import type { ContainerMark } from '../base/identity.ts';

/** What stands before the id, with either driver of control groups. */
const tools: readonly (readonly [RegExp, string])[] = [
  [/docker/, 'docker'],
  [/libpod/, 'podman'],
  [/nerdctl/, 'nerdctl'],
  [/kubepods|cri-containerd|crio/, 'crictl'],
];

/**
 * Docker, containerd, CRI-O and Podman all put 64 hexadecimal digits into the name of the control group; of containers
 * within one another the last is meant. `undefined` where there is none, or it is that of `ours` as well: to end that
 * container would end who asks.
 */
export function containerOf(cgroup: string, ours = ''): ContainerMark | undefined {
  const [mine, theirs] = [innermost(ours), innermost(cgroup)];
  if (theirs === undefined || theirs.id === mine?.id) return undefined;
  const id = theirs.id.slice(0, 12);
  const tool = tools.find(([mark]) => mark.test(theirs.before))?.[1];
  return { id, ...(tool === undefined ? {} : { stop: `${tool} stop ${id}` }) };
}

function innermost(cgroup: string): { readonly id: string; readonly before: string } | undefined {
  for (const line of cgroup.split('\n')) {
    const last = [...line.matchAll(/[0-9a-f]{64}/g)].at(-1);
    if (last !== undefined) return { id: last[0], before: beforeIt(line.slice(0, last.index)) };
  }
  return undefined;
}

/** From the container around it on, if there is one: that may be of another kind. */
function beforeIt(path: string): string {
  return path.split(/[0-9a-f]{64}/).at(-1) ?? '';
}
