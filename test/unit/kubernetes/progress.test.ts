/** States of a graph and stages of its pods, from what the API says. */
import { describe, expect, it } from 'vitest';
import { eventOf, graphOf, podOf } from '../../../src/kubernetes/parse-objects.ts';
import { graphState, podLine, podView } from '../../../src/kubernetes/progress.ts';

const graph = (generation: number, condition: object, more: object = {}) =>
  graphOf({
    metadata: { name: 'agg', generation },
    status: { ...more, conditions: [{ type: 'Ready', reason: 'r', message: 'm', ...condition }] },
  });

describe('a graph', () => {
  it('is ready only where the condition is about the manifest as it stands', () => {
    expect(graphState(graph(1, { status: 'True' })).kind).toBe('ready');
    expect(graphState(graph(2, { status: 'True', observedGeneration: 2 })).kind).toBe('ready');
    expect(graphState(graph(2, { status: 'True', observedGeneration: 1 })).kind).toBe('pending');
    expect(graphState(graph(2, { status: 'True' }, { observedGeneration: 1 })).kind).toBe('pending');
    expect(graphState(graph(2, { status: 'True' })).kind).toBe('pending');
  });

  it('has failed where its state says so, and is pending before anybody said anything', () => {
    expect(graphState(graph(1, { status: 'False' }, { state: 'failed' })).kind).toBe('failed');
    expect(graphState(graph(1, { status: 'False' }, { state: 'pending' }))).toMatchObject({
      kind: 'pending',
      text: 'r: m',
    });
    expect(graphState(graphOf({ metadata: { name: 'agg', generation: 1 } })).kind).toBe('pending');
  });

  it('reads components of both versions', () => {
    const beta = graphOf({
      spec: {
        components: [
          {
            name: 'decode',
            type: 'decode',
            replicas: 2,
            multinode: { nodeCount: 2 },
            podTemplate: {
              spec: { containers: [{ name: 'main', resources: { limits: { 'nvidia.com/gpu': '4' } } }] },
            },
          },
        ],
      },
      status: { components: { decode: { readyReplicas: 1 } } },
    });
    expect(beta.components).toEqual([
      { name: 'decode', type: 'decode', replicas: 2, hasAdapter: false, nodes: 2, gpus: 4, ready: 1 },
    ]);
    const alpha = graphOf({
      spec: {
        services: {
          decode: {
            componentType: 'worker',
            subComponentType: 'decode',
            resources: { limits: { gpu: '1' } },
            scalingAdapter: { enabled: true },
          },
        },
      },
    });
    expect(alpha.components).toEqual([
      { name: 'decode', type: 'decode', replicas: 1, hasAdapter: true, nodes: 1, gpus: 1, ready: undefined },
    ]);
  });
});

const metadata = { name: 'agg-worker-0', labels: { 'nvidia.com/dynamo-component': 'worker' } };
const scheduled = [{ type: 'PodScheduled', status: 'True' }];
const onNode = { nodeName: 'n1' };
const running = { running: { startedAt: 'now' } };
const pods: readonly (readonly [string, object, object, readonly object[]])[] = [
  ['waits for a node', {}, {}, []],
  [
    'waits for a node: 0/1 nodes are available',
    {},
    {
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'Unschedulable',
          message: '0/1 nodes are available',
        },
      ],
    },
    [],
  ],
  [
    'pulling the image: repo/x:1',
    onNode,
    { conditions: scheduled },
    [['Pulling', 'Pulling image "repo/x:1"']],
  ],
  [
    'starting',
    onNode,
    { conditions: scheduled },
    [
      ['Pulling', 'Pulling image "x"'],
      ['Pulled', 'Successfully pulled'],
    ],
  ],
  [
    'starting: FailedMount: no such claim',
    onNode,
    { conditions: scheduled },
    [['FailedMount', 'no such claim']],
  ],
  ['starting', onNode, { containerStatuses: [{ name: 'main', state: running }] }, []],
  [
    'loading: Readiness probe failed: 503',
    onNode,
    { containerStatuses: [{ name: 'main', state: running, started: true }] },
    [['Unhealthy', 'Readiness probe failed: 503']],
  ],
  [
    'ready',
    onNode,
    {
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'main', state: running, ready: true }],
    },
    [],
  ],
  [
    'failing (restarts: 2): CrashLoopBackOff: back-off 20s',
    onNode,
    {
      containerStatuses: [
        {
          name: 'main',
          restartCount: 2,
          state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 20s' } },
        },
      ],
    },
    [],
  ],
  [
    'ended: Evicted: low on ephemeral-storage',
    onNode,
    { phase: 'Failed', reason: 'Evicted', message: 'low on ephemeral-storage' },
    [],
  ],
].map(([line, spec, status, events]) => [line, spec, status, events] as never);

it.each(pods)('a pod: %s', (line, spec, status, events) => {
  const seen = (events as unknown as readonly [string, string][]).map(([reason, message]) =>
    eventOf({ involvedObject: { kind: 'Pod', name: metadata.name }, reason, message }),
  );
  expect(podLine(podView(podOf({ metadata, spec, status }), seen))).toBe(`worker  agg-worker-0  ${line}`);
});
