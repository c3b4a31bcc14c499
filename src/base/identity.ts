/** What names a process for ever: its pid alone is reused. */
import { object, pid, text } from './shape.ts';

export interface Identity {
  /** /proc/sys/kernel/random/boot_id */
  readonly bootId: string;
  readonly pid: number;
  /** Clock ticks after boot, field 22 of /proc/PID/stat, as text: it is compared, never counted with. */
  readonly startTime: string;
}

/** Tells whether exactly this process is still there; zombies are dead. */
export type IsAlive = (identity: Identity) => boolean;

export const identityShape = object({ bootId: text, pid, startTime: text });

/** A container, as control groups name it. */
export interface ContainerMark {
  /** First twelve characters. */
  readonly id: string;
  /** The command that ends it whole, where its kind is known: a process of it alone may be started again. */
  readonly stop?: string | undefined;
}

export interface ProcessFacts extends Identity {
  readonly uid: number;
  /** Name of the user, or `uid 1234` for one that this host has no name for. */
  readonly user: string;
  readonly ageMs: number;
  /** Command line for people, cut. */
  readonly command: string;
  /** Where its control group names one, and it is not the one that this process is in, too. */
  readonly container?: ContainerMark | undefined;
}

/** Where a Docker daemon, or one that speaks like it, is found. Holds no secret. */
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
  /** A random word that stands here and in a label of the container, and nowhere else. */
  readonly launch: string;
  readonly daemon: DaemonAddress;
  readonly logFile: string;
}

/** Labels of every container of ours. */
export const containerLabels = {
  run: 'dynamo.run',
  process: 'dynamo.process',
  /** Folder of the run, which tells the containers of several state folders apart. */
  folder: 'dynamo.folder',
  launch: 'dynamo.launch',
} as const;
