/** D25: a proxy that stands between processes of this host. */
import { type Check, ok, warn } from '../check.ts';

const loopback = ['localhost', '127.0.0.1', '0.0.0.0', '::1'];

export const proxy: Check = {
  id: 'D25',
  name: 'proxy',
  title: 'no proxy stands before this host itself',
  severity: 'warn',
  look: ({ environment }) => {
    const names = Object.keys(environment).filter((name) => /^(https?|all)_proxy$/i.test(name));
    const set = names.filter((name) => environment[name] !== '');
    if (set.length === 0) return ok('no proxy is set');
    const malformed = set.find((name) => !URL.canParse(environment[name] ?? ''));
    if (malformed !== undefined) {
      return warn(
        `${malformed}=${environment[malformed]} is no address with a scheme`,
        `export ${malformed}=http://proxy.example.com:3128`,
      );
    }
    const excluded = (environment['no_proxy'] ?? environment['NO_PROXY'] ?? '')
      .split(',')
      .map((each) => each.trim());
    const open = excluded.includes('*') ? [] : loopback.filter((name) => !excluded.includes(name));
    if (open.length === 0) return ok(`${set.join(', ')} set, loopback excluded`);
    return warn(
      `${set.join(', ')} set and no_proxy lacks ${open.join(', ')}: your own clients ask the proxy for this host`,
      `export no_proxy="$no_proxy,${open.join(',')}"   # what dynamo starts has it already`,
    );
  },
};
