/** Use of the processor between two looks at the processes of a run, and their memory. */
import type { Usage as Seen } from '../process/usage.ts';
import type { Usage } from '../page/messages.ts';

export function usageReader(): (usage: ReadonlyMap<string, Seen>) => Readonly<Record<string, Usage>> {
  let before: { readonly at: number; readonly cpuMs: ReadonlyMap<string, number> } | undefined;
  return (usage) => {
    const at = performance.now();
    const then = before;
    before = { at, cpuMs: new Map([...usage].map(([name, { cpuMs }]) => [name, cpuMs])) };
    return Object.fromEntries(
      [...usage].map(([name, { cpuMs, memoryBytes, ageMs }]): [string, Usage] => {
        const earlier = then?.cpuMs.get(name);
        // Lower than before: the process was restarted.
        const isRate = then !== undefined && earlier !== undefined && earlier <= cpuMs;
        const cpuPercent = isRate
          ? (100 * (cpuMs - earlier)) / Math.max(1, at - then.at)
          : (100 * cpuMs) / Math.max(1, ageMs);
        return [name, { cpuPercent, memoryBytes }];
      }),
    );
  };
}
