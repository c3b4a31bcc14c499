/** What `dynamo --help` prints, made from the table of verbs; costs no argument parser, as it is asked for most. */
import { verbs } from './verbs.ts';

/** Ends without a newline. */
export function rootHelp(): string {
  const visible = verbs.filter(({ hidden }) => hidden !== true);
  const width = Math.max(...visible.map(({ name }) => name.length));
  return [
    'Brings up NVIDIA Dynamo with SGLang on this machine: supervised, cleaned up.',
    '',
    'Usage: dynamo <command> [options]',
    '',
    'Commands:',
    ...visible.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Options:',
    '  -V, --version  print the version',
    '  -h, --help     print this help; after a command: its own',
    '',
    'Examples:',
    '  dynamo up disagg         prefill and decode in workers of their own',
    '  dynamo up agg --detach   returns when it serves',
    '  dynamo plan agg_router   what would be started, and why',
    '  dynamo ps                what is running',
    '  dynamo down              stop it, and verify that nothing is left',
  ].join('\n');
}
