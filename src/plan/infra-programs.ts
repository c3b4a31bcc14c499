/** How a run starts its own etcd and NATS: on loopback, with their data in a folder of the plan. */
import type { PortName, Ports } from '../engine/engine.ts';
import { bracketed, hostUrl } from './ports.ts';

export type Verbosity = 'debug' | 'info' | 'warn' | 'error';

export interface InfraContext {
  readonly runId: string;
  /** The program; empty for NATS in a container, whose image starts it. */
  readonly program: readonly string[];
  /** Where it listens: loopback, or all addresses inside a container, which publishes only loopback ports of the host. */
  readonly listen: '127.0.0.1' | '0.0.0.0';
  /** Address of this host that it listens on as well, for other hosts. */
  readonly reach?: string | undefined;
  readonly ports: Ports;
  readonly dataFolder: string;
  readonly configFile: string;
  readonly verbosity: Verbosity;
}

export interface InfraProgram {
  readonly ports: readonly PortName[];
  /** Those of `ports` that clients use. */
  readonly published: readonly PortName[];
  /** Default port for clients. */
  readonly usualPort: number;
  /** The address for clients; with `reach`, also for those on other hosts. */
  address(ports: Ports, reach?: string): string;
  /** Answers GET with 200 once it is up. */
  probeUrl(ports: Ports): string;
  argv(context: InfraContext): readonly string[];
  files(context: InfraContext): readonly { readonly path: string; readonly text: string }[];
  /** Whether the image's entry point already starts the program. */
  readonly imageStartsIt: boolean;
  /** What its loss means, for people. */
  readonly ifLost: string;
}

/** The level in Dynamo's log filter, such as `debug` or `info,dynamo_runtime=trace`; default `info`. */
export function verbosityOf(filter: string | undefined): Verbosity {
  const word = filter?.split(',')[0]?.trim().toLowerCase();
  if (word === 'trace' || word === 'debug') return 'debug';
  return word === 'warn' || word === 'error' ? word : 'info';
}

export const etcd: InfraProgram = {
  ports: ['client', 'peer'],
  published: ['client'],
  // Images differ in their entry point, but all have etcd on their PATH.
  imageStartsIt: false,
  usualPort: 2379,
  address: (ports, reach) => url(ports.client, reach),
  // Answers 200 and {"health":"true"} once a leader is elected, 503 before. Seen with 3.4.23 and 3.5.1.
  probeUrl: (ports) => `${url(ports.client)}/health`,
  files: () => [],
  argv: ({ program, dataFolder, listen, reach, ports, verbosity }) => [
    ...program,
    '--name=default',
    `--data-dir=${dataFolder}`,
    `--listen-client-urls=${[listen, ...(reach === undefined ? [] : [reach])].map((host) => url(ports.client, host)).join(',')}`,
    `--advertise-client-urls=${url(ports.client, reach)}`,
    `--listen-peer-urls=${url(ports.peer)}`,
    // etcd ignores these two when it has data of an earlier run, so the ports may differ.
    `--initial-advertise-peer-urls=${url(ports.peer)}`,
    `--initial-cluster=default=${url(ports.peer)}`,
    // Without compaction, etcd keeps the history of every key forever.
    '--auto-compaction-mode=periodic',
    '--auto-compaction-retention=1h',
    // 3.4 accepts a log level only with this logger; 3.5 has no other.
    '--logger=zap',
    '--log-outputs=stderr',
    `--log-level=${verbosity}`,
  ],
  ifLost:
    'etcd is restarted with its data. Dynamo workers stay registered for 10 s (up to 1.4) or 30 s without it, ' +
    'then they exit with code 0',
};

function url(port: number | undefined, host = '127.0.0.1'): string {
  return hostUrl(host, port);
}

/** 15 MB, as in upstream's compose file. Source: docs/upstream/launch-scripts.md#compose. */
export const natsMaxPayloadBytes = 15 * 1024 * 1024;

export const nats: InfraProgram = {
  ports: ['client', 'monitoring'],
  published: ['client', 'monitoring'],
  // nats:2.11.4 is made from scratch: its entry point is /nats-server. Source: nats-docker, 2.11.x/scratch.
  imageStartsIt: true,
  usualPort: 4222,
  address: (ports, reach = '127.0.0.1') => `nats://${bracketed(reach)}:${ports.client}`,
  // Answers 200 and {"status":"ok"}. Seen with 2.9.10 and 2.15.1.
  probeUrl: (ports) => `http://127.0.0.1:${ports.monitoring}/healthz`,
  // The payload limit has no flag.
  files: ({ configFile, dataFolder, listen, reach, ports, verbosity, runId }) => [
    {
      path: configFile,
      text: [
        `server_name: ${JSON.stringify(runId)}`,
        // It listens on one address, or on all.
        `listen: "${reach === undefined ? listen : '0.0.0.0'}:${ports.client}"`,
        `http: "${listen}:${ports.monitoring}"`,
        `max_payload: ${natsMaxPayloadBytes}`,
        `jetstream { store_dir: ${JSON.stringify(dataFolder)} }`,
        `debug: ${verbosity === 'debug'}`,
        '',
      ].join('\n'),
    },
  ],
  argv: ({ program, configFile }) => [...program, '--config', configFile],
  ifLost:
    'NATS is restarted with its data. KV events sent in the meantime are lost; requests over TCP continue',
};

/** The shell command that frees space in a full etcd. `address`: without credentials. Seen to work with etcd and etcdctl 3.4.23. */
export function roomCommand(address: string): string {
  const revision = `$($e endpoint status -w json | grep -o '"revision":[0-9]*' | grep -om1 '[0-9]*')`;
  return `e="etcdctl --endpoints=${address}"; $e compact "${revision}" && $e defrag && $e alarm disarm   # deletes old versions of keys; add --user and --cacert if it needs them`;
}
