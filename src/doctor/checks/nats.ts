/** D11: NATS answers, with JetStream and with messages that are large enough. */
import { messageOf } from '../../base/error-code.ts';
import { type Check, fail, ok, skip, warn } from '../check.ts';
import { endpointsOf, natsAddress } from '../endpoints.ts';

/** NATS's own default. */
const smallestPayload = 1024 * 1024;

export const nats: Check = {
  id: 'D11',
  name: 'nats',
  title: 'NATS answers with JetStream, where it is needed',
  severity: 'fail',
  look: async (host) => {
    const { addresses, because } = endpointsOf('nats', host);
    if (addresses[0] === undefined) return skip(because);
    const server = natsAddress(addresses[0]);
    const where = `${server.host}:${server.port}`;
    let line: string;
    try {
      line = await host.network.firstLine(server.host, server.port);
    } catch (error) {
      return fail(`nothing usable answers on ${where}: ${messageOf(error)}`, 'nats-server -js');
    }
    if (!line.startsWith('INFO ')) {
      return fail(
        `${where} is not NATS: it says ${JSON.stringify(line.slice(0, 60))}`,
        'nats-server -js -p 4222',
      );
    }
    const info = JSON.parse(line.slice(5)) as {
      version?: string;
      jetstream?: boolean;
      max_payload?: number;
    };
    // The health page says 200 without JetStream, too: the banner is what can be relied on.
    if (info.jetstream !== true) {
      return warn(`NATS ${info.version} on ${where} has JetStream off`, `nats-server -js -p ${server.port}`);
    }
    if ((info.max_payload ?? smallestPayload) < smallestPayload) {
      return warn(
        `NATS ${info.version} on ${where} takes messages up to ${info.max_payload} bytes only`,
        'max_payload: 1MB   # in the configuration of nats-server',
      );
    }
    return ok(`NATS ${info.version} on ${where}, JetStream on`);
  },
};
