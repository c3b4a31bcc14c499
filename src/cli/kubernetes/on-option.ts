/** `--on` of verbs that also work on this machine. Not in verb.ts, as listing all verbs must not load the parser. */
import { Option } from 'commander';

/** For a verb with a separate module for clusters: here it only appears in the help. */
export function onOption(verb: string): Option {
  return new Option(
    '--on <target>',
    `on a cluster, with other options: dynamo ${verb} --on kubernetes --help`,
  ).choices(['kubernetes']);
}
