/** Whether the components of a profile fit together: what the schema cannot check in a single component. */
import type { ProfileDocument, ProofSpec, WorkerMode } from './schema.ts';
import type { ShapeFault } from './tree.ts';
import { cacheFaults, fieldFaults, type NamedWorker } from './worker-shape.ts';

export function shapeFaults(document: ProfileDocument): ShapeFault[] {
  const workers = workersOf(document);
  return [
    ...counts(document, workers),
    ...partners(workers),
    ...pageSizes(workers),
    ...routing(document, workers),
    ...encoders(workers),
    ...fieldFaults(document, workers),
    ...cacheFaults(document, workers),
    ...restarts(document),
  ];
}

function counts({ components }: ProfileDocument, workers: readonly NamedWorker[]): ShapeFault[] {
  const frontends = Object.entries(components).filter(([, { kind }]) => kind === 'frontend');
  const faults: ShapeFault[] = [];
  if (frontends.length === 0) {
    faults.push({
      path: ['components'],
      message: 'components: no frontend',
      fix: 'add frontend: {kind: frontend}',
    });
  }
  for (const [name] of frontends.slice(1)) {
    faults.push({
      path: ['components', name],
      message: `components.${name}: a second frontend`,
      fix: 'keep exactly one',
    });
  }
  if (workers.length === 0) {
    faults.push({
      path: ['components'],
      message: 'components: no worker',
      fix: 'add worker: {kind: worker, mode: aggregated}',
    });
  }
  return faults;
}

/** Modes that cannot serve alone. */
function partners(workers: readonly NamedWorker[]): ShapeFault[] {
  const prefill = withMode(workers, 'prefill');
  const decode = withMode(workers, 'decode');
  const lonely =
    prefill.length > 0 && decode.length === 0
      ? prefill
      : decode.length > 0 && prefill.length === 0
        ? decode
        : [];
  return lonely.slice(0, 1).map(({ path, spec }) => ({
    path: [...path, 'mode'],
    message: `${path.join('.')}: mode ${spec.mode} without a worker of mode ${spec.mode === 'prefill' ? 'decode' : 'prefill'}`,
    fix: 'add one, or use mode aggregated',
  }));
}

/** Blocks of different sizes cannot be transferred, and the router cannot match them. */
function pageSizes(workers: readonly NamedWorker[]): ShapeFault[] {
  const exchanging = withMode(workers, 'aggregated', 'prefill', 'decode');
  const [first] = exchanging;
  const shared = exchanging.some(({ spec }) => spec.mode !== 'aggregated' || spec.kvEvents);
  if (first === undefined || !shared) return [];
  return exchanging
    .filter(({ spec }) => spec.pageSize !== first.spec.pageSize)
    .map(({ path, spec }) => ({
      path: [...path, 'pageSize'],
      message: `${path.join('.')}.pageSize: is ${spec.pageSize ?? 'unset'}, but ${first.spec.pageSize ?? 'unset'} in ${first.name}`,
      fix: 'use the same page size on all workers that exchange KV blocks',
    }));
}

function routing({ components }: ProfileDocument, workers: readonly NamedWorker[]): ShapeFault[] {
  if (workers.some(({ spec }) => spec.kvEvents)) return [];
  return Object.entries(components).flatMap(([name, spec]) =>
    spec.kind === 'frontend' && spec.router.mode === 'kv' && spec.router.kvEvents
      ? [
          {
            path: ['components', name, 'router'],
            message: `components.${name}.router: follows KV events, but no worker publishes any`,
            fix: 'set kvEvents: true on the workers, or router.kvEvents: false',
          },
        ]
      : [],
  );
}

/** An encode worker becomes ready only after a decode worker exists, so a decode worker must not wait for it. */
function encoders(workers: readonly NamedWorker[]): ShapeFault[] {
  const encoding = withMode(workers, 'encode');
  const needing = workers.filter(({ spec }) => spec.dedicatedEncoder);
  const faults: ShapeFault[] = [];
  for (const { path } of encoding.length === 0 ? needing.slice(0, 1) : []) {
    faults.push({
      path: [...path, 'dedicatedEncoder'],
      message: `${path.join('.')}.dedicatedEncoder: there is no worker of mode encode`,
      fix: 'add one',
    });
  }
  for (const { path } of needing.length === 0 ? encoding.slice(0, 1) : []) {
    faults.push({
      path: [...path, 'mode'],
      message: `${path.join('.')}: no worker sends images to this encode worker`,
      fix: 'set dedicatedEncoder: true where they are needed',
    });
  }
  for (const { path, spec } of withMode(workers, 'aggregated', 'decode')) {
    const awaited = encoding.find(({ name }) => waitsFor(workers, spec.dependsOn, name));
    if (awaited === undefined) continue;
    faults.push({
      path: [...path, 'dependsOn'],
      message: `${path.join('.')}.dependsOn: depends on ${awaited.name}, which itself waits for this worker`,
      fix: `remove it; ${awaited.name} may depend on this worker instead`,
    });
  }
  return faults;
}

/** Another check reports cycles; this one does not follow them. */
function waitsFor(
  workers: readonly NamedWorker[],
  dependsOn: Readonly<Record<string, string>>,
  wanted: string,
  seen: readonly string[] = [],
): boolean {
  return Object.entries(dependsOn).some(([name, condition]) => {
    if (condition !== 'started' && name === wanted) return true;
    const next = workers.find((worker) => worker.name === name);
    return (
      next !== undefined &&
      !seen.includes(name) &&
      waitsFor(workers, next.spec.dependsOn, wanted, [...seen, name])
    );
  });
}

function restarts({ components }: ProfileDocument): ShapeFault[] {
  return Object.entries(components).flatMap(([name, spec]) => {
    const path = ['components', name];
    const { restart, maxRestarts, backoffSeconds = 0, maxBackoffSeconds = Infinity } = spec;
    const faults: ShapeFault[] = [];
    if (restart === 'always' && maxRestarts !== undefined) {
      faults.push({
        path: [...path, 'maxRestarts'],
        message: `${path.join('.')}.maxRestarts: has no effect with restart: always, which restarts forever`,
        fix: 'remove it, or restart: on-failure',
      });
    }
    if (backoffSeconds > maxBackoffSeconds) {
      faults.push({
        path: [...path, 'maxBackoffSeconds'],
        message: `${path.join('.')}.maxBackoffSeconds: ${maxBackoffSeconds} is less than backoffSeconds, ${backoffSeconds}`,
        fix: `maxBackoffSeconds: ${backoffSeconds}`,
      });
    }
    return faults;
  });
}

export function workersOf(document: ProfileDocument): NamedWorker[] {
  return Object.entries(document.components).flatMap(([name, spec]) =>
    spec.kind === 'worker' ? [{ name, spec, path: ['components', name] }] : [],
  );
}

export function withMode(workers: readonly NamedWorker[], ...modes: readonly WorkerMode[]): NamedWorker[] {
  return workers.filter(({ spec }) => modes.includes(spec.mode));
}

const answeredBy: Readonly<Record<ProofSpec['request'], readonly WorkerMode[]>> = {
  chat: ['aggregated', 'decode', 'diffusion-lm'],
  vision: ['aggregated', 'decode'],
  embedding: ['embedding'],
  image: ['image'],
  video: ['video'],
};

const onlyFor: readonly [field: keyof ProofSpec, requests: readonly ProofSpec['request'][]][] = [
  ['size', ['image', 'video']],
  ['steps', ['image', 'video']],
  ['frames', ['video']],
  ['seconds', ['video']],
  ['fps', ['video']],
];

export function proofFaults(document: ProfileDocument): ShapeFault[] {
  const { proof } = document;
  const modes = answeredBy[proof.request];
  const able = withMode(workersOf(document), ...modes);
  const faults: ShapeFault[] = onlyFor
    .filter(([field, requests]) => proof[field] !== undefined && !requests.includes(proof.request))
    .map(([field, requests]) => ({
      path: ['proof', field],
      message: `proof.${field}: only for ${requests.join(' and ')} requests, got request ${proof.request}`,
      fix: 'remove it',
    }));
  if (able.length === 0) {
    const present = [...new Set(workersOf(document).map(({ spec }) => spec.mode))];
    const fitting = Object.entries(answeredBy).find(([, answering]) =>
      answering.some((mode) => present.includes(mode)),
    );
    faults.push({
      path: ['proof', 'request'],
      message: `proof.request: ${proof.request} needs a worker of mode ${modes.join(' or ')}, got ${present.join(', ') || 'none'}`,
      fix: fitting === undefined ? 'add such a worker' : `request: ${fitting[0]}`,
    });
  } else if (proof.request === 'vision' && !able.some(({ spec }) => spec.multimodal)) {
    faults.push({
      path: ['proof', 'request'],
      message: 'proof.request: vision needs a worker with multimodal: true',
      fix: 'set it, or request: chat',
    });
  }
  return faults;
}
