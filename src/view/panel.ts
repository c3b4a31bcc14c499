/** What a user needs once a deployment serves: URL, model, engine, the proof, and a request to paste. */
import type { ChalkInstance } from 'chalk';
import { quote, withoutControls } from '../base/terminal-text.ts';
import { listensEverywhere, openTo } from '../plan/ports.ts';
import { proofRequest } from '../plan/proof.ts';
import { isServing, type Plan, type ServingPlan, type WorkersPlan } from '../plan/plan.ts';
import type { ProofSpec } from '../profile/profile.ts';
import type { Proof } from '../supervisor/events.ts';
import { durationText } from '../base/duration.ts';
import { homePath } from './style.ts';
import { infraNames, infraTitles, type InfraUse } from '../plan/infra.ts';

/** `tookMs`: from the start to the proof. Ends with a newline. */
export function readyPanel(plan: Plan, proof: Proof, tookMs: number, style: ChalkInstance): string {
  if (isServing(plan)) return servingPanel(plan, proof, tookMs, style);
  return plan.engine === 'none' ? infraPanel(plan, tookMs, style) : workersPanel(plan, tookMs, style);
}

/** Workers whose frontend is on another host. */
function workersPanel(plan: WorkersPlan, tookMs: number, style: ChalkInstance): string {
  const { share, infra } = plan;
  const rows: [string, string][] = [
    ['Model', plan.model.servedName],
    ['Processes', plan.processes.map(({ name }) => name).join(', ')],
    ['Address', `${share.address} (${share.interface})`],
    ['etcd', infra?.etcd?.addresses.join(', ') ?? ''],
    ['Elsewhere', share.elsewhere.map(({ component }) => component).join(', ')],
    ['Logs', homePath(`${plan.runFolder}/logs`)],
  ];
  return [
    `${style.green('✔')} The part of ${style.bold(plan.runId)} on this host is ready after ${durationText(tookMs)}`,
    '',
    ...rows.map(([label, value]) => `  ${style.dim(label.padEnd(9))}  ${value}`),
    '',
    '  Requests go to the host of the frontend, which proves the whole deployment.',
    '',
    '',
  ].join('\n');
}

function servingPanel(plan: ServingPlan, proof: Proof, tookMs: number, style: ChalkInstance): string {
  const engine = plan.choices.find(({ what }) => what === 'engine');
  const gpus = plan.processes.filter((spec) => spec.gpus.length > 0);
  const rows: [string, string][] = [
    ['URL', urlText(plan, style)],
    ['Model', plan.model.servedName],
    ['Engine', `${plan.engine}: ${engine?.because ?? ''}`],
    ['Processes', plan.processes.map(({ name }) => name).join(', ')],
    [
      'GPUs',
      gpus.length === 0 ? 'none' : gpus.map((spec) => `${spec.name} on ${spec.gpus.join(',')}`).join('; '),
    ],
    ['Logs', homePath(`${plan.runFolder}/logs`)],
    ['Proof', proofText(proof)],
    ['Answer', style.italic(shorten(withoutControls(proof.answer), 240))],
  ];
  rows.splice(1, 0, ...observerRows(plan));
  const reach = openTo(plan.http);
  if (reach !== undefined) rows.splice(1, 0, ['Reach', style.yellow(reach)]);
  return [
    `${style.green('✔')} ${style.bold(plan.runId)} is ready after ${durationText(tookMs)}`,
    '',
    ...rows.map(([label, value]) => `  ${style.dim(label.padEnd(9))}  ${value}`),
    '',
    ...curlLines(plan.http.url, plan.model.servedName, plan.proof).map((line) => `  ${line}`),
    '',
    '',
  ].join('\n');
}

/** By what a choice is about. */
const observers = { grafana: 'Grafana', prometheus: 'Metrics', traces: 'Traces' };

function observerRows({ choices }: ServingPlan): [string, string][] {
  return Object.entries(observers).flatMap(([what, label]): [string, string][] => {
    const value = choices.find((choice) => choice.what === what)?.value;
    if (value === undefined) return [];
    return [[label, what === 'grafana' ? value : `${value} (${what === 'traces' ? 'OTLP' : 'Prometheus'})`]];
  });
}

export function proofText(proof: Proof): string {
  return `${proof.request} answered in ${durationText(proof.tookMs)}${rolesText(proof)}${reuseText(proof)}`;
}

function rolesText(proof: Proof): string {
  return proof.usedRoles.length === 0 ? '' : `, through ${proof.usedRoles.join(' and ')}`;
}

function reuseText({ reuse }: Proof): string {
  return reuse === undefined ? '' : `; repeated: ${reuse}`;
}

/** The URL for this host, and the port for others. */
function urlText({ http }: ServingPlan, style: ChalkInstance): string {
  const here = style.bold.underline(http.url);
  return listensEverywhere(http.host)
    ? `${here} here; port ${http.port} on every address of this host`
    : here;
}

/** The proving request, ready to paste. */
export function curlLines(url: string, model: string, proof: ProofSpec): string[] {
  const { path, body } = proofRequest(proof, model);
  return [
    `curl ${url}${path} \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d ${quote(JSON.stringify(body))}`,
  ];
}

/** On one line. */
export function shorten(text: string, length: number): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}

/** Ends with a newline. */
function infraPanel(plan: Plan, tookMs: number, style: ChalkInstance): string {
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
