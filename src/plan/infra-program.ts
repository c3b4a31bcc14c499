/** What the plan must know about a program of the infrastructure to start it. */
import type { PortName, Ports } from '../engine/engine.ts';

export type Verbosity = 'debug' | 'info' | 'warn' | 'error';

export interface InfraSeat {
  readonly runId: string;
  readonly path: string;
  readonly ports: Ports;
  readonly dataFolder: string;
  readonly configFile: string;
  readonly verbosity: Verbosity;
}

export interface InfraProgram {
  readonly ports: readonly PortName[];
  /** Where clients find it. */
  address(ports: Ports): string;
  /** GET says 200 once it is up. */
  probeUrl(ports: Ports): string;
  argv(seat: InfraSeat): readonly string[];
  files(seat: InfraSeat): readonly { readonly path: string; readonly text: string }[];
  /** For people: what its loss means. */
  readonly ifLost: string;
}

/** The level of Dynamo's own filter, such as `debug` or `info,dynamo_runtime=trace`; `info` when it names none. */
export function verbosityOf(filter: string | undefined): Verbosity {
  const word = filter?.split(',')[0]?.trim().toLowerCase();
  if (word === 'trace' || word === 'debug') return 'debug';
  return word === 'warn' || word === 'error' ? word : 'info';
}
