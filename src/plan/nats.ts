/** How a NATS of our own is started: on loopback, with JetStream in a folder of the plan and upstream's payload limit. */
import type { InfraProgram } from './infra-program.ts';

/** 15 MB, as in upstream's compose file. Source: docs/upstream/launch-scripts.md#compose. */
export const natsMaxPayloadBytes = 15 * 1024 * 1024;

export const nats: InfraProgram = {
  ports: ['client', 'monitoring'],
  published: ['client', 'monitoring'],
  // nats:2.11.4 is made from scratch: its entry point is /nats-server. Source: nats-docker, 2.11.x/scratch.
  imageStartsIt: true,
  address: (ports) => `nats://127.0.0.1:${ports.client}`,
  // Answers 200 and {"status":"ok"}. Seen with 2.9.10 and 2.15.1.
  probeUrl: (ports) => `http://127.0.0.1:${ports.monitoring}/healthz`,
  // The payload limit has no flag.
  files: ({ configFile, dataFolder, listen, ports, verbosity, runId }) => [
    {
      path: configFile,
      text: [
        `server_name: ${JSON.stringify(runId)}`,
        `listen: "${listen}:${ports.client}"`,
        `http: "${listen}:${ports.monitoring}"`,
        `max_payload: ${natsMaxPayloadBytes}`,
        `jetstream { store_dir: ${JSON.stringify(dataFolder)} }`,
        `debug: ${verbosity === 'debug'}`,
        '',
      ].join('\n'),
    },
  ],
  argv: ({ program, configFile }) => [...program, '--config', configFile],
  ifLost: 'NATS is started again with its data. KV events sent meanwhile are lost; requests over TCP go on',
};
