/** How an etcd of our own is started: one member, on loopback, with its data in a folder of the plan. */
import type { Ports } from '../engine/engine.ts';
import type { InfraProgram } from './infra-program.ts';

export const etcd: InfraProgram = {
  ports: ['client', 'peer'],
  published: ['client'],
  // Images differ in what they start by default, and all have etcd on their PATH.
  imageStartsIt: false,
  address: (ports) => url(ports.client),
  // Answers 200 and {"health":"true"} once a leader is elected, 503 before. Seen with 3.4.23 and 3.5.1.
  probeUrl: (ports) => `${url(ports.client)}/health`,
  files: () => [],
  argv: ({ program, dataFolder, listen, ports, verbosity }) => [
    ...program,
    '--name=default',
    `--data-dir=${dataFolder}`,
    `--listen-client-urls=http://${listen}:${ports.client}`,
    `--advertise-client-urls=${url(ports.client)}`,
    `--listen-peer-urls=${url(ports.peer)}`,
    // With data of an earlier run these two are ignored: other ports are no trouble.
    `--initial-advertise-peer-urls=${url(ports.peer)}`,
    `--initial-cluster=default=${url(ports.peer)}`,
    // Without compaction the history of every key is kept for ever.
    '--auto-compaction-mode=periodic',
    '--auto-compaction-retention=1h',
    // 3.4 takes a log level only with this logger; 3.5 has no other.
    '--logger=zap',
    '--log-outputs=stderr',
    `--log-level=${verbosity}`,
  ],
  ifLost:
    'etcd is started again with its data. Workers of Dynamo keep their registration for 10 s (up to 1.4) or 30 s ' +
    'without it, then they end with exit code 0',
};

function url(port: Ports['client']): string {
  return `http://127.0.0.1:${port}`;
}
