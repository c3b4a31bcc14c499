/** What identifies a process or a container unambiguously, and what people need to know about a process. */
import { object, pid, text } from './shape.ts';

export interface Identity {
  /** /proc/sys/kernel/random/boot_id */
  readonly bootId: string;
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat; text, because it is only compared. */
  readonly startTime: string;
}

/** Whether exactly this process is still running; zombies are dead. */
export type IsAlive = (identity: Identity) => boolean;

export const identityShape = object({ bootId: text, pid, startTime: text });

/** A container, as named by its control group. */
export interface ContainerMark {
  /** First twelve characters. */
  readonly id: string;
  /** The command that stops the whole container, if its kind is known: a single process in it might be restarted. */
  readonly stop?: string | undefined;
}

export interface ProcessFacts extends Identity {
  readonly uid: number;
  /** Name of the user, or `uid 1234` if this host has no name for it. */
  readonly user: string;
  readonly ageMs: number;
  /** Command line for people, shortened. */
  readonly command: string;
  /** Present if it runs in a container, and not in the same one as this process. */
  readonly container?: ContainerMark | undefined;
}

/** The address of a Docker daemon, or of a compatible one. Contains no secret. */
export interface DaemonAddress {
  /** `unix:///run/docker.sock`, or `tcp://127.0.0.1:2375`. */
  readonly address: string;
  /** Folder with ca.pem, cert.pem and key.pem, for TLS. */
  readonly certificates?: string | undefined;
}

export interface ContainerEntry {
  readonly runId: string;
  /** Name in the plan of the process that runs in it. */
  readonly process: string;
  /** Name of the container. */
  readonly container: string;
  /** A random word that exists only here and in a label of the container: proves that it belongs to the run. */
  readonly launch: string;
  readonly daemon: DaemonAddress;
  readonly logFile: string;
}

/** Labels of every container that we create. */
export const containerLabels = {
  run: 'dynamo.run',
  process: 'dynamo.process',
  /** Folder of the run, to distinguish containers of different state folders. */
  folder: 'dynamo.folder',
  launch: 'dynamo.launch',
} as const;
