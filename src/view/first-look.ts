/** What `dynamo` alone prints: what this host has, and the command that comes next. */
import type { ChalkInstance } from 'chalk';

export interface FirstLook {
  readonly version: string;
  /** GPUs, or why there are none. */
  readonly host: string;
  /** What `--engine auto` would use and why, or why none. */
  readonly engine: string;
  /** What this host lacks; empty when it lacks nothing. */
  readonly missing: readonly string[];
  /** Runs that are up, one text each. */
  readonly runs: readonly string[];
  /** The last run, if it failed and none is up. */
  readonly failed: string | undefined;
  /** One command, and what it does. */
  readonly next: readonly [command: string, what: string];
}

/** At most ten lines where one thing is missing and one run is up. Ends without a newline. */
export function firstLook(look: FirstLook, style: ChalkInstance): string {
  const { version, host, engine, missing, runs, failed, next } = look;
  const rows: readonly (readonly [string, string])[] = [
    ['GPUs', host],
    ['Engine', engine],
    ...missing.map((each) => ['Missing', each] as const),
    ...(runs.length === 0 ? [['Runs', 'none'] as const] : runs.map((run) => ['Runs', run] as const)),
    ...(failed === undefined ? [] : [['Failed', failed] as const]),
  ];
  const [command, what] = next;
  return [
    `${style.bold('dynamo')} ${version}: NVIDIA Dynamo with SGLang on this machine`,
    '',
    ...rows.map(([label, text]) => `  ${style.dim(label.padEnd(7))}  ${text}`),
    `  ${style.dim('Next   ')}  ${style.bold.green(command)}   ${what}`,
    '',
    style.dim('dynamo --help lists all commands; dynamo doctor checks this host'),
  ].join('\n');
}
