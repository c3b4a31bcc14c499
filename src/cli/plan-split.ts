/** `dynamo plan --split`: the command of each host of a deployment on several. */
import { DynamoError } from '../base/error.ts';
import { quote } from '../base/terminal-text.ts';
import { splitOf, type Split } from '../plan/hosts-plan.ts';
import type { Profile } from '../profile/profile.ts';

/** Parses `prefill=10.0.0.1,decode=10.0.0.2`. */
export function parseSplit(text: string): Split {
  return text.split(',').map((item) => {
    const [component = '', host = ''] = item.split('=', 2).map((part) => part.trim());
    if (component === '' || host === '') {
      throw new DynamoError(
        'usage',
        `--split ${JSON.stringify(text)}: expected COMPONENT=HOST pairs, such as prefill=10.0.0.1,decode=10.0.0.2.`,
        { hint: 'dynamo plan --help', fields: { option: '--split', asked: text } },
      );
    }
    return { component, host };
  });
}

/** For each host its command, the one that starts etcd first. `words`: the arguments of `plan` without `--split`. */
export function splitCommands(profile: Profile, split: Split, words: readonly string[]): string {
  const hosts = splitOf(profile, split);
  const [head] = hosts;
  const dashes = words.includes('--') ? words.indexOf('--') : words.length;
  const [options, workerArgs] = [words.slice(0, dashes), words.slice(dashes)];
  const blocks = hosts.map(({ host, components }) => {
    const join = host === head?.host ? [] : ['--join', `http://${head?.host}:2379`];
    const share = ['--only', components.join(','), ...join, '--advertise', host];
    const command = ['dynamo', 'up', ...options, ...share, ...workerArgs];
    return [`# on ${host}`, command.map(quote).join(' ')].join('\n');
  });
  return [
    ...blocks,
    '# The first starts etcd and waits for the others; if its port 2379 is in use, it prints the one to --join. On each host,',
    '# "dynamo plan" with the same arguments lists the ports that must be open.',
  ].join('\n');
}
