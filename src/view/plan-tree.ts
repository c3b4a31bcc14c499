/** A plan as a tree. */
import type { ChalkInstance } from 'chalk';
import { hiddenMark } from '../base/secrets.ts';
import { quote } from '../base/terminal-text.ts';
import { openPorts } from '../plan/hosts-plan.ts';
import {
  type HostShare,
  isServing,
  type Plan,
  type ProcessSpec,
  type ServingPlan,
  startsAfter,
  type WorkersPlan,
} from '../plan/plan.ts';
import { durationText } from '../base/duration.ts';
import { choiceLines } from './choice-lines.ts';

/** Ends without a newline. */
export function planTree(plan: ServingPlan | WorkersPlan, style: ChalkInstance): string {
  const blocks = plan.processes.map((spec, i) => branch(spec, plan, i === plan.processes.length - 1, style));
  return [
    `${style.bold(plan.name)}  ${plan.profile.description}`,
    style.dim(plan.profile.file),
    '',
    ...choiceLines(plan, style),
    '',
    ...modelLines(plan, style),
    '',
    `${style.bold('starts')} ${style.dim('(each process waits only for those listed with "after")')}`,
    ...blocks.flat(),
    '',
    `${style.bold('ready')} when ${readyWords(plan)}`,
    `${style.bold('stops')} ${plan.stopOrder.map((wave) => wave.join(' + ')).join('  →  ')}`,
  ].join('\n');
}

function modelLines(plan: ServingPlan | WorkersPlan, style: ChalkInstance): string[] {
  return [
    `${style.dim('model')}      ${plan.model.servedName}`,
    ...(plan.http === undefined ? [] : [`${style.dim('URL')}        ${plan.http.url}`]),
    `${style.dim('namespace')}  ${plan.namespace}`,
    ...(plan.share === undefined ? [] : shareLines(plan.share, plan.processes, style)),
  ];
}

function shareLines(share: HostShare, processes: readonly ProcessSpec[], style: ChalkInstance): string[] {
  const rest =
    share.elsewhere.length === 0
      ? ''
      : `; on other hosts: ${share.elsewhere.map(({ component }) => component).join(', ')}`;
  return [
    `${style.dim('this host')}  ${share.components.join(', ')} at ${share.address} (${share.interface})${rest}`,
    '',
    `${style.bold('must be open')} ${style.dim('(on this host, for the others)')}`,
    ...openPorts(processes).map(
      ({ process, port, from, what }) => `  ${process} ${port}  ${style.dim(`${what}, from ${from}`)}`,
    ),
  ];
}

function branch(
  spec: ProcessSpec,
  plan: Pick<Plan, 'processes'>,
  last: boolean,
  style: ChalkInstance,
): string[] {
  const [corner, bar] = last ? ['└─', '  '] : ['├─', '│ '];
  const ports = Object.entries(spec.ports).map(([name, port]) => `${name} ${port}`);
  const after = startsAfter(spec, plan).map(({ process, condition }) => `${process} ${condition}`);
  const facts = [
    named(spec),
    spec.container === undefined ? '' : `in ${spec.container.image}`,
    ports.length > 0 ? `ports ${ports.join(', ')}` : '',
    spec.gpus.length > 0 ? `GPU ${spec.gpus.join(',')}` : '',
    after.length > 0 ? `after ${after.join(', ')}` : '',
    stopWords(spec),
  ].filter(Boolean);
  const env = Object.entries(spec.env).map(([name, value]) => `${name}=${shown(value)}`);
  return [
    `${corner} ${style.bold(spec.name)}  ${style.dim(facts.join(' · '))}`,
    `${bar}   ${spec.argv.map(shown).join(' ')}`,
    `${bar}   ${style.dim(env.join(' '))}`,
  ];
}

function stopWords({ stopGraceMs, loadingStopGraceMs = stopGraceMs }: ProcessSpec): string {
  const loading =
    loadingStopGraceMs === stopGraceMs ? '' : ` (${durationText(loadingStopGraceMs)} while loading)`;
  return `stop within ${durationText(stopGraceMs)}${loading}`;
}

/** Hidden secrets are not quoted, because they cannot be pasted. */
function shown(word: string): string {
  return word.includes(hiddenMark) ? word : quote(word);
}

/** The kind of process, unless its name says it. */
function named({ name, mode, kind }: ProcessSpec): string {
  const what = mode ?? kind;
  return name === what ? '' : what;
}

function readyWords(plan: ServingPlan | WorkersPlan): string {
  if (!isServing(plan)) return 'all of them say that they are ready';
  const counts = new Map<string, number>();
  for (const { component, registersAs } of plan.processes)
    if (registersAs !== undefined) counts.set(component, (counts.get(component) ?? 0) + 1);
  const workers = [...counts].map(([component, count]) => `${count} × ${component}`).join(', ');
  return `the frontend knows ${workers}, ${plan.model.servedName} is listed, and a ${plan.proof.request} request is answered`;
}
