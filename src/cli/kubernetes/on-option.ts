/** `--on`, as verbs that work on this machine list it. Not in verb.ts: what lists all verbs loads no parser. */
import { Option } from 'commander';

/** Of a verb that has another module for clusters: here it stands for the help alone, as that module gets the words. */
export function onOption(verb: string): Option {
  return new Option(
    '--on <target>',
    `on a cluster, with other options: dynamo ${verb} --on kubernetes --help`,
  ).choices(['kubernetes']);
}
