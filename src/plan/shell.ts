/** Writes a plan as a bash script that runs without this tool: for bug reports, and to see what would run. */
import { quote } from '../base/terminal-text.ts';
import type { ContainerSpec } from './container.ts';
import { withSecrets } from './plan-secrets.ts';
import {
  persistentFolders,
  ephemeralFolders,
  type Plan,
  type Probe,
  type ProcessSpec,
  type ServingPlan,
  startsAfter,
} from './plan.ts';
import { proofRequest } from './proof.ts';

export function shellScript(plan: ServingPlan): string {
  const { path, body } = proofRequest(plan.proof, plan.model.servedName);
  return [
    '#!/usr/bin/env bash',
    `# ${plan.profile.name} on the engine ${plan.engine}, as dynamo would start it. Ctrl-C stops all of it.`,
    'set -euo pipefail',
    `mkdir -p ${[...ephemeralFolders(plan), ...persistentFolders(plan), plan.mediaFolder, `${plan.runFolder}/logs`].map(quote).join(' ')}`,
    ...(plan.infra?.files ?? []).map((file) => `printf %s ${quote(file.text)} >${quote(file.path)}`),
    ...linkLines(plan),
    'groups=() infra=()',
    // A process that was just started may not lead its group yet, so this retries.
    'stop() { until kill -TERM -- "-$1" 2>/dev/null || ! kill -0 "$1" 2>/dev/null; do sleep 0.02; done; }',
    // Workers deregister from etcd, so it is stopped after them.
    `trap 'trap "" INT TERM; for g in "\${groups[@]}"; do stop "$g"; done; wait "\${groups[@]}" || :; for g in "\${infra[@]}"; do stop "$g"; done; wait' EXIT`,
    "trap 'exit 130' INT",
    "trap 'exit 143' TERM",
    'until_ready() { # name pid command...',
    '  local name=$1 pid=$2; shift 2',
    '  until "$@" >/dev/null 2>&1; do',
    '    kill -0 "$pid" 2>/dev/null || { echo "$name ended before it was ready" >&2; exit 1; }',
    '    sleep 0.2',
    '  done',
    '}',
    ...unsetLine(plan.scrubbed),
    ...secretLines(plan),
    ...plan.processes.flatMap((spec) => ['', ...startLines(spec, plan)]),
    '',
    ...plan.processes.map(waitLine),
    `until curl -sf ${quote(`${plan.http.url}/v1/models`)} | grep -qF ${quote(JSON.stringify(plan.model.servedName))}; do sleep 0.2; done`,
    `curl -sf ${quote(plan.http.url + path)} -H 'Content-Type: application/json' -d ${quote(JSON.stringify(body))}`,
    'echo',
    'wait -n',
    '',
  ].join('\n');
}

function linkLines({ modelLink }: ServingPlan): string[] {
  if (modelLink === undefined) return [];
  const { path, target } = modelLink;
  return [
    `mkdir -p ${quote(path.slice(0, path.lastIndexOf('/')))}`,
    `ln -sfn ${quote(target)} ${quote(path)}`,
  ];
}

/** Bash can neither read nor unset variables with other characters in their names. */
function unsetLine(scrubbed: readonly string[]): string[] {
  const names = scrubbed.filter((name) => /^\w+$/.test(name));
  return names.length === 0 ? [] : [`unset ${names.join(' ')}`];
}

/** The user must set the secrets, which the script does not contain; only the processes that need one get it. */
function secretLines({ processes }: ServingPlan): string[] {
  const wanted = new Map<string, Set<string>>();
  const want = (travels: string, user: string): void =>
    void wanted.set(travels, (wanted.get(travels) ?? new Set()).add(user));
  for (const { name, hidden } of processes) {
    for (const [variable, travels] of Object.entries(hidden?.env ?? {}))
      want(travels, `${variable} of ${name}`);
    for (const travels of Object.values(hidden?.argv ?? {})) want(travels, `an argument of ${name}`);
  }
  return [...wanted].map(
    ([travels, users]) =>
      `: "\${${travels}:?is a secret that this script does not contain: set it for ${[...users].join(', ')}}"; export -n ${travels}`,
  );
}

/** Marks a secret until its word is quoted: no word of a plan contains a NUL. */
const placeholder = (travels: string): string => `\0${travels}\0`;

function withPlaceholders(spec: ProcessSpec): ProcessSpec {
  const names = [...Object.values(spec.hidden?.env ?? {}), ...Object.values(spec.hidden?.argv ?? {})];
  return withSecrets(spec, Object.fromEntries(names.map((travels) => [travels, placeholder(travels)])));
}

/** A word of a command in which the shell substitutes the secrets. */
function shellWord(word: string): string {
  const parts = word.split('\0');
  if (parts.length === 1) return quote(word);
  return parts.map((part, i) => (i % 2 === 1 ? `"$${part}"` : part === '' ? '' : quote(part))).join('');
}

function startLines(planned: ProcessSpec, plan: ServingPlan): string[] {
  const spec = withPlaceholders(planned);
  const own = spec.container === undefined ? Object.entries(spec.env) : [];
  const variables = own.map(([name, value]) => `  ${name}=${shellWord(value)} \\`);
  return [
    `# ${spec.name}`,
    ...startsAfter(spec, plan)
      .filter(({ condition }) => condition === 'ready')
      .map(({ process }) => `wait_${shellName(process)}`),
    `env -C ${quote(spec.cwd)} \\`,
    ...variables,
    `  setsid ${commandWords(spec, plan).map(shellWord).join(' ')} >${quote(spec.logFile)} 2>&1 &`,
    `pid_${shellName(spec.name)}=$!; ${spec.kind === 'infra' ? 'infra' : 'groups'}+=("$!")`,
    `wait_${shellName(spec.name)}() { until_ready ${spec.name} "$pid_${shellName(spec.name)}" ${probeCommand(spec.probe)}; }`,
  ];
}

function waitLine(spec: ProcessSpec): string {
  return `wait_${shellName(spec.name)}`;
}

function probeCommand(probe: Probe): string {
  if (probe.kind === 'http') return `curl -sf ${quote(probe.url)}`;
  const sign = probe.kind === 'endpoint' ? `"${probe.endpoint}":"ready"` : `^${probe.metric}`;
  return `sh -c ${quote(`curl -s ${quote(probe.url)} | grep -q '${sign}'`)}`;
}

function shellName(name: string): string {
  return name.replaceAll('-', '_');
}

/** The command that starts the process; for a container, a `docker run` that includes its variables. */
export function commandWords(
  { name, argv, env, container }: ProcessSpec,
  { runId, docker }: Pick<Plan, 'runId' | 'docker'>,
): readonly string[] {
  if (container === undefined) return argv;
  return [
    'docker',
    ...(docker === undefined ? [] : ['--host', docker.address]),
    'run',
    '--rm',
    '--name',
    `dynamo-${runId}-${name}`,
    ...placeWords(container),
    ...container.mounts.flatMap(({ source, target, readOnly }) => [
      '--mount',
      `type=bind,source=${source},target=${target}${readOnly ? ',readonly' : ''}`,
    ]),
    ...container.passes.flatMap((variable) => ['--env', variable]),
    ...Object.entries(env).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
    ...limitWords(container),
    container.image,
    ...argv,
  ];
}

function placeWords(container: ContainerSpec): string[] {
  const { user, workingFolder, network, published, init, hostIpc, capabilities, gpus } = container;
  return [
    ...(network === 'host' ? ['--network', 'host'] : []),
    ...published.flatMap((port) => ['--publish', `127.0.0.1:${port}:${port}`]),
    ...(user === undefined ? [] : ['--user', user]),
    ...(workingFolder === undefined ? [] : ['--workdir', workingFolder]),
    ...(init ? ['--init'] : []),
    ...(hostIpc ? ['--ipc', 'host'] : []),
    ...capabilities.flatMap((capability) => ['--cap-add', capability]),
    ...(gpus.length === 0 ? [] : ['--gpus', `"device=${gpus.join(',')}"`]),
    '--security-opt',
    'label=disable',
  ];
}

function limitWords({ limits }: ContainerSpec): string[] {
  const { memoryBytes, shmBytes, pids, ulimits } = limits;
  return [
    ...(memoryBytes === undefined ? [] : ['--memory', String(memoryBytes)]),
    ...(shmBytes === undefined ? [] : ['--shm-size', String(shmBytes)]),
    ...(pids === undefined ? [] : ['--pids-limit', String(pids)]),
    ...ulimits.flatMap(({ name, soft, hard }) => ['--ulimit', `${name}=${soft}:${hard}`]),
  ];
}
