/** How a NATS of our own is started: on loopback, with JetStream in a folder of the plan and upstream's payload limit. */
import type { InfraProgram } from './infra-program.ts';

/** 15 MB, as in upstream's compose file. Source: upstream/runtime-contracts.md section 5.3. */
export const natsMaxPayloadBytes = 15 * 1024 * 1024;

export const nats: InfraProgram = {
  ports: ['client', 'monitoring'],
  address: (ports) => `nats://127.0.0.1:${ports.client}`,
  // Answers 200 and {"status":"ok"}. Seen with 2.9.10 and 2.15.1.
  probeUrl: (ports) => `http://127.0.0.1:${ports.monitoring}/healthz`,
  // The payload limit has no flag.
  files: ({ configFile, dataFolder, ports, verbosity, runId }) => [
    {
      path: configFile,
      text: [
        `server_name: ${JSON.stringify(runId)}`,
        `listen: "127.0.0.1:${ports.client}"`,
        `http: "127.0.0.1:${ports.monitoring}"`,
        `max_payload: ${natsMaxPayloadBytes}`,
        `jetstream { store_dir: ${JSON.stringify(dataFolder)} }`,
        `debug: ${verbosity === 'debug'}`,
        '',
      ].join('\n'),
    },
  ],
  argv: ({ path, configFile }) => [path, '--config', configFile],
  ifLost: 'NATS is started again with its data. KV events sent meanwhile are lost; requests over TCP go on',
};
