/** What a person needs of an etcd and a NATS that are up for others: where they are, and lines to paste. */
import type { ChalkInstance } from 'chalk';
import { infraNames, infraTitles, type InfraUse } from '../plan/infra.ts';
import type { Plan } from '../plan/plan.ts';
import { durationText } from '../base/duration.ts';
import { homePath } from './home-path.ts';

/** Ends with a newline. */
export function infraPanel(plan: Plan, tookMs: number, style: ChalkInstance): string {
  return [
    `${style.green('✔')} ${style.bold(plan.runId)} is ready after ${durationText(tookMs)}`,
    '',
    ...infraRows(plan, style),
    '',
    ...exportLines(plan).map((line) => `  ${line}`),
    '',
    '',
  ].join('\n');
}

/** One line each, and where their data and logs are. */
export function infraRows({ infra, runFolder }: Plan, style: ChalkInstance): string[] {
  const rows = infraNames.flatMap((name): [string, string][] => {
    const use = infra?.[name];
    return use === undefined ? [] : [[infraTitles[name], `${style.bold(addresses(use))}  ${use.version}`]];
  });
  const data = infra?.folders.map(({ path, kept }) => `${homePath(path)}${kept ? ' (kept)' : ''}`) ?? [];
  return [...rows, ['Data', data.join(', ')], ['Logs', homePath(`${runFolder}/logs`)]].map(
    ([label = '', value]) => `  ${style.dim(label.padEnd(4))}  ${value}`,
  );
}

/** For programs that are not started by us. */
function exportLines({ infra }: Plan): string[] {
  return [
    ...(infra?.etcd === undefined ? [] : [`export ETCD_ENDPOINTS=${addresses(infra.etcd)}`]),
    ...(infra?.nats === undefined ? [] : [`export NATS_SERVER=${addresses(infra.nats)}`]),
  ];
}

function addresses(use: InfraUse): string {
  return use.addresses.join(',');
}
