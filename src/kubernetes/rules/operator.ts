/** Rules about what Dynamo's operator refuses, and about an operator that does nothing. */
import { lookAtOperator } from '../problem.ts';
import { type ClusterRule, eventText } from '../rule.ts';

export const noOrchestrator: ClusterRule = {
  id: 'no-multinode-orchestrator',
  sees: 'the condition `no_multinode_orchestrator_available`',
  fixes: 'Grove, or LeaderWorkerSet with Volcano, on the cluster; or a component on one node',
  find: ({ state, graph }) => {
    if (!/no_multinode_orchestrator_available|multinode orchestrator/i.test(`${state.reason} ${state.text}`))
      return undefined;
    const names = graph.components.filter(({ nodes }) => nodes > 1).map(({ name }) => name);
    return {
      cause: `${names.join(' and ') || 'a component'} runs on several nodes, and the cluster has neither Grove nor LeaderWorkerSet`,
      evidence: [state.text],
      fix: `--set components.${names[0] ?? 'NAME'}.nodes=1   # or install Grove: docs/kubernetes.md, "Several nodes"`,
      final: true,
    };
  },
};

/**
 * The first is Grove's and the operator's: "combined resource name length 46 exceeds 45-character limit required for pod
 * naming", since 1.5 "… exceeds the 45-character pod-name limit". The second is the API server's, about names of objects.
 */
const tooLong =
  /combined resource name length \d+ exceeds|must be no more than (52|63) (characters|bytes)|(45|63)[- ]character/i;

export const namesTooLong: ClusterRule = {
  id: 'names-too-long',
  sees: 'a condition or event that says that a name is too long',
  fixes: 'a shorter `--name`',
  find: ({ events, state, graph }) => {
    const event = events.findLast(({ type, message }) => type === 'Warning' && tooLong.test(message));
    const said = event === undefined ? (tooLong.test(state.text) ? state.text : undefined) : eventText(event);
    if (said === undefined) return undefined;
    return {
      cause: `the name ${graph.name}, together with those of its components, is too long for the cluster`,
      evidence: [said],
      fix: '--name SHORTER',
      final: true,
    };
  },
};

export const operatorFailed: ClusterRule = {
  id: 'operator-refuses',
  sees: '`state: failed` with a reason of the operator',
  fixes: 'what its message says',
  find: ({ state, graph, kubectl }) =>
    state.kind !== 'failed'
      ? undefined
      : {
          cause: "Dynamo's operator cannot make the deployment",
          evidence: [state.text],
          fix: kubectl.line('describe', 'dynamographdeployment', graph.name),
          final: /unsupported_workload_provider/.test(state.reason),
        },
};

/** The operator reacts within a second; one that is being upgraded needs longer. */
const silentForMs = 30_000;

export const operatorSilent: ClusterRule = {
  id: 'operator-silent',
  sees: 'no word of the operator about the manifest half a minute after it was applied',
  fixes: 'the operator: is it running, and does it watch this namespace?',
  find: ({ graph, state, pods, now, kubectl }) => {
    const since = now - graph.changedAt;
    const first = graph.conditions.length === 0;
    if (state.isObserved || (first && pods.length > 0) || since < silentForMs) return undefined;
    return {
      cause: `Dynamo's operator has not reacted to ${first ? 'it' : 'the change'}: it is not running, or does not watch namespace ${graph.namespace}`,
      evidence: [
        `DynamoGraphDeployment ${graph.name}: ${first ? 'no condition and no pod' : `generation ${graph.generation} not observed`} ${Math.round(since / 1000)} s after it was applied`,
      ],
      fix: lookAtOperator(kubectl),
      final: false,
    };
  },
};
