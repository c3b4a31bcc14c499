/** Finds the Prometheus of this host for `up --observe`, and puts it into a plan. */
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { findProgram, foldersOf } from '../host/program.ts';
import { withPrometheus } from '../plan/observe.ts';
import type { Plan } from '../plan/plan.ts';
import type { HostFacts } from '../plan/request.ts';

/** Where people unpack it. */
const furtherFolders = ['/usr/local/bin', '/opt/prometheus'];

/** Throws `unavailable` if this host has none. */
export function prometheusHere(environment: Environment): <P extends Plan>(plan: P, host: HostFacts) => P {
  const program = findProgram('prometheus', [...foldersOf(environment.PATH), ...furtherFolders]);
  if (program === undefined) {
    throw new DynamoError('unavailable', '--observe needs Prometheus, which is not on this host.', {
      hint: 'sudo apt-get install prometheus   # or give the list to yours: dynamo targets --write FILE --follow',
      fields: { option: '--observe', program: 'prometheus' },
    });
  }
  return (plan, host) => withPrometheus(plan, program, host);
}
