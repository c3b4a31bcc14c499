/** What names a container for ever, and proves that it is ours: written down before it is made. */

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
