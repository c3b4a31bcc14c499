/** The shapes of the records of a run, as other processes need them. Later versions may add fields. */
import { exitCodes } from '../base/error.ts';
import { identityShape } from '../base/identity.ts';
import {
  anything,
  flag,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  type Shape,
  text,
} from '../base/shape.ts';
import { planVersion } from '../plan/plan.ts';
import { type RunEvent, transitions } from '../supervisor/events.ts';

export const recordShape = object({
  runId: text,
  name: text,
  startedAt: number,
  detached: flag,
  version: text,
  // Without a pid if it was no longer known when the run was reaped.
  supervisor: object({ bootId: text, pid: number, startTime: text }),
  socket: optional(text),
  endedAt: optional(number),
  unswept: optional(text),
});

const keeperFields = object({ supervisor: optional(identityShape), socket: optional(text) });

export const keeperShape: Shape = (value, at) => identityShape(value, at) ?? keeperFields(value, at);

export const processShape = object({
  name: text,
  kind: oneOf('frontend', 'worker', 'infra'),
  component: text,
  argv: list(text),
  env: map(text),
  cwd: text,
  ports: map(number),
  gpus: list(text),
  dependsOn: list(object({ process: text, condition: text })),
  loadsInTurn: optional(text),
  probe: object({ kind: oneOf('http', 'endpoint', 'metric'), url: text }),
  startupTimeoutMs: number,
  stopGraceMs: number,
  // Plans of older versions have none of these.
  loadingStopGraceMs: optional(number),
  degradedStopGraceMs: optional(number),
  unusedStopGraceMs: optional(number),
  restart: object({ policy: text }),
  logFile: text,
});

const infraShape = object({ from: text, addresses: list(text) });

const anyPlanShape = object({
  version: oneOf(planVersion),
  runId: text,
  name: text,
  profile: object({ name: text }),
  engine: text,
  infra: optional(
    object({
      etcd: optional(infraShape),
      nats: optional(infraShape),
      folders: list(object({ path: text, kept: flag })),
      persist: optional(text),
    }),
  ),
  runFolder: text,
  gpuUuids: list(text),
  processes: list(processShape),
  stopOrder: list(list(text)),
  scrubbed: list(text),
  stopTimeoutMs: optional(number),
});

const modelPlan = {
  model: object({ path: text, servedName: text }),
  namespace: text,
  discovery: object({ backend: text, folder: optional(text) }),
  temporaryFolder: optional(text),
  mediaFolder: text,
};

const infraOnlyShape = object({ infra: object({}) });

const servingShape = object({
  ...modelPlan,
  http: object({ host: text, port: number, url: text }),
  proof: object({ request: text }),
});

const workersShape = object({
  ...modelPlan,
  share: object({ address: text, interface: text, components: list(text) }),
});

const kindShape: Shape = (value, at) => {
  const { engine, http, share } = value as Record<string, unknown>;
  if (engine === 'none') return infraOnlyShape(value, at);
  return http === undefined && share !== undefined ? workersShape(value, at) : servingShape(value, at);
};

export const planShape: Shape = (value, at) => anyPlanShape(value, at) ?? kindShape(value, at);

const failureShape = object({
  code: oneOf(...Object.keys(exitCodes)),
  message: text,
  hint: optional(text),
  diagnosis: optional(anything),
});

const diagnosisShape = object({ rule: text, cause: text, evidence: list(text), fix: text });

const progressShape = object({ doing: text });

/** The compiler sees to it that each event that is written can be read back. */
const eventShapes: Readonly<Record<RunEvent['type'], Shape>> = {
  process: object({ process: text, state: oneOf(...Object.keys(transitions)), pid: optional(number) }),
  run: object({ phase: oneOf('starting', 'proving', 'stopping') }),
  unhealthy: object({ process: text, seen: text }),
  waiting: object({ for: text }),
  changed: object({ added: list(text), removed: list(text) }),
  decision: object({ outcome: oneOf('taken', 'done', 'refused'), wants: text, why: text }),
  note: object({ text }),
  progress: object({ process: text, progress: progressShape }),
  ready: object({ proof: object({}), tookMs: number }),
  failed: object({ reason: failureShape }),
  diagnosed: object({ diagnosis: diagnosisShape }),
  stopped: object({ killed: list(text), left: list(text) }),
};

const events: Readonly<Record<string, Shape>> = eventShapes;

const dated = object({ at: number });

/** By the type in the line. */
export function eventShape(line: object): Shape {
  const type = 'type' in line ? String(line.type) : '';
  const known = Object.hasOwn(events, type) ? events[type] : undefined;
  return known === undefined
    ? () => `unknown event type ${JSON.stringify(type)}`
    : (value, at) => dated(value, at) ?? known(value, at);
}
