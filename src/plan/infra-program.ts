/** What the plan must know about a program of the infrastructure to start it. */
import type { PortName, Ports } from '../engine/engine.ts';

export type Verbosity = 'debug' | 'info' | 'warn' | 'error';

export interface InfraSeat {
  readonly runId: string;
  /** The program; of NATS in a container nothing, as its image starts it. */
  readonly program: readonly string[];
  /** What it listens on: loopback, or in a container everything, of which loopback of the host is all that gets through. */
  readonly listen: '127.0.0.1' | '0.0.0.0';
  readonly ports: Ports;
  readonly dataFolder: string;
  readonly configFile: string;
  readonly verbosity: Verbosity;
}

export interface InfraProgram {
  readonly ports: readonly PortName[];
  /** Of `ports`, those that others talk to. */
  readonly published: readonly PortName[];
  /** Where clients find it. */
  address(ports: Ports): string;
  /** GET says 200 once it is up. */
  probeUrl(ports: Ports): string;
  argv(seat: InfraSeat): readonly string[];
  files(seat: InfraSeat): readonly { readonly path: string; readonly text: string }[];
  /** Whether the image starts the program by itself, whatever its path there. */
  readonly imageStartsIt: boolean;
  /** For people: what its loss means. */
  readonly ifLost: string;
}

/** The level of Dynamo's own filter, such as `debug` or `info,dynamo_runtime=trace`; `info` when it names none. */
export function verbosityOf(filter: string | undefined): Verbosity {
  const word = filter?.split(',')[0]?.trim().toLowerCase();
  if (word === 'trace' || word === 'debug') return 'debug';
  return word === 'warn' || word === 'error' ? word : 'info';
}
