/** Rules about pods and containers that end; the rules for logs are applied to what they wrote, as if they were processes of a plan. */
import { diagnose } from '../../doctor/rule.ts';
import type { ObservedProcess } from '../../doctor/rule.ts';
import { rules } from '../../doctor/rule-table.ts';
import { autoEngines } from '../../engine/engines.ts';
import type { Plan, ProcessSpec } from '../../plan/plan.ts';
import type { Failure } from '../../supervisor/events.ts';
import type { Pod } from '../objects.ts';
import type { ClusterCase, ClusterRule } from '../rule.ts';

/** After this many failed starts the next one will fail, too. */
const hopelessRestarts = 2;

/** Those whose container has ended at least once and is not ready now. */
export function crashing(pods: readonly Pod[]): Pod[] {
  return pods.filter(
    ({ containers, deleting, phase }) =>
      !deleting &&
      (phase === 'Failed' ||
        containers.some(
          ({ ready, restarts, now }) =>
            !ready && (restarts > 0 || (now.kind === 'terminated' && now.exitCode !== 0)),
        )),
  );
}

export const podFailed: ClusterRule = {
  id: 'pod-evicted',
  sees: 'a pod that has ended as a whole: evicted, or its node lost',
  fixes: 'what the reason says; ephemeral storage is the usual one',
  find: ({ pods, kubectl }) => {
    const pod = pods.find(({ phase, reason }) => phase === 'Failed' && reason !== '');
    if (pod === undefined) return undefined;
    return {
      cause: `pod ${pod.name} was ended by its node: ${pod.reason}`,
      evidence: [`Pod ${pod.name}: ${pod.reason}: ${pod.message}`],
      fix: kubectl.line('describe', 'pod', pod.name),
      final: false,
    };
  },
};

/** The kubelet says so; no log does. */
export const outOfMemory: ClusterRule = {
  id: 'out-of-memory',
  sees: 'a container that was ended as `OOMKilled`',
  fixes: 'a larger memory limit for the component: it is RAM, not the memory of the GPU',
  find: (seen) => {
    const crash = crashOf(seen);
    if (crash?.ended?.reason !== 'OOMKilled') return undefined;
    const { pod, how, final } = crash;
    return {
      cause: `${nameOf(pod)} was ended because the container ran out of memory (RAM, not that of the GPU)`,
      evidence: [how],
      fix: `${seen.kubectl.line('top', 'pod', pod.name)}   # then a larger memory limit for the component`,
      final,
    };
  },
};

/** Reported under the rule for logs that knows the cause, if one does. */
export const crashed: ClusterRule = {
  id: 'crash-loop',
  sees: 'a container that ends, with what it wrote last; the rules for logs are asked about it',
  fixes: 'what the rule for logs says, else the log of its life before',
  find: (seen) => {
    const crash = crashOf(seen);
    if (crash === undefined) return undefined;
    const { pod, container, ended, how, final } = crash;
    const found = byLogRules(seen, pod, crash.all, ended?.exitCode);
    if (found !== undefined) {
      const { rule, cause, evidence, fix } = found;
      return { rule, cause, evidence: [...evidence, how], fix, final };
    }
    const lines = seen.logs.get(pod.name) ?? [];
    return {
      cause: `${nameOf(pod)} ends again and again`,
      evidence: [how, ...lines.filter((line) => line.trim() !== '').slice(-3)],
      fix: seen.kubectl.line('logs', pod.name, '-c', container?.name ?? 'main', '--previous'),
      final,
    };
  },
};

function crashOf({ pods }: ClusterCase) {
  const all = crashing(pods);
  const [pod] = all;
  if (pod === undefined) return undefined;
  const container = pod.containers.find(({ ready }) => !ready) ?? pod.containers[0];
  const ended = container?.now.kind === 'terminated' ? container.now : container?.before;
  const restarts = container?.restarts ?? 0;
  const reason = ended?.reason ? ` (${ended.reason})` : '';
  const how = `Pod ${pod.name}: exit code ${ended?.exitCode ?? '?'}${reason}, restarts: ${restarts}`;
  return { all, pod, container, ended, how, final: restarts >= hopelessRestarts };
}

function nameOf({ component, name }: Pod): string {
  return component || name;
}

function byLogRules(seen: ClusterCase, failed: Pod, dead: readonly Pod[], exitCode: number | undefined) {
  const processes = dead.map((pod) => observed(seen, pod, exitCode));
  const failure: Failure = {
    code: 'process-failed',
    message: `${failed.name} ended with ${exitCode ?? 'an unknown code'}`,
    process: failed.name,
    exit: { code: exitCode, signal: undefined },
  };
  const plan = planOf(seen, processes);
  return diagnose(rules, { failure, processes, plan }, {}).diagnosis;
}

function observed(seen: ClusterCase, pod: Pod, exitCode: number | undefined): ObservedProcess {
  const type = seen.graph.components.find(({ name }) => name === pod.component)?.type;
  const spec: ProcessSpec = {
    name: pod.name,
    kind: type === 'frontend' ? 'frontend' : 'worker',
    component: pod.component,
    mode: type === 'prefill' || type === 'decode' ? type : type === 'frontend' ? undefined : 'aggregated',
    argv: [],
    env: {},
    cwd: '/',
    ports: {},
    gpus: [],
    dependsOn: [],
    probe: { kind: 'http', url: 'http://127.0.0.1:9090/health' },
    startupTimeoutMs: startupMs,
    stopGraceMs: 60_000,
    restart: { policy: 'always', windowMs: 0, firstDelayMs: 0, maxDelayMs: 0 },
    logFile: '',
  };
  return {
    spec,
    lines: seen.logs.get(pod.name) ?? [],
    variables: new Set(),
    exit: { code: exitCode, signal: undefined },
  };
}

/** Of the operator's startup probe: /live, every 10 s, 720 times. */
const startupMs = 7_200_000;

/** What the rules read of a plan, said of pods; the rest is as empty as can be. */
function planOf({ graph, model }: ClusterCase, processes: readonly ObservedProcess[]): Plan {
  return {
    version: 1,
    runId: graph.name,
    name: graph.name,
    profile: { name: graph.name, file: '', description: '' },
    engine: autoEngines.real.name,
    model: { path: model, servedName: model },
    http: { host: '0.0.0.0', port: 8000, url: 'http://127.0.0.1:8000' },
    namespace: `${graph.namespace}-${graph.name}`,
    // That of Kubernetes, which has no address that a log could name.
    discovery: { backend: 'etcd', endpoints: [] },
    events: 'zmq',
    runFolder: '/',
    mediaFolder: '/',
    choices: [],
    gpuUuids: [],
    processes: processes.map(({ spec }) => spec),
    stopOrder: [],
    expected: [],
    scrubbed: [],
    secrets: [],
    readyTimeoutMs: startupMs,
    startupCapMs: startupMs,
    liveness: { periodMs: 5_000, timeoutMs: 4_000, failureThreshold: 3 },
    maxLogBytes: 0,
    proof: { request: 'chat', maxTokens: 16 },
  };
}
