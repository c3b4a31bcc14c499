/** The embedded engine: Node processes that behave like upstream's, without Python and without a GPU. */
import type { FrontendSpec, WorkerMode, WorkerSpec } from '../profile/profile.ts';
import { dynamoVariables } from './dynamo-variables.ts';
import type { EmbeddedKind, Engine, Launch, LocalDeployment, PortName, WorkerReplica } from './engine.ts';
import { sglang } from './sglang.ts';
import { meetingPoint, requireLocal, spansHosts } from './targets.ts';

export const sim: EmbeddedKind = {
  name: 'sim',
  uses: [],
  requestPlanes: ['tcp'],
  reachesAnyInfra: true,
  needsTemporaryFolder: false,
  // The program is mounted into the image.
  image: { name: 'sim', reference: 'node:22-slim' },
  // Its workers use the metric names of the SGLang workers that they simulate.
  ranks: sglang.ranks,
  make,
};

function make(command: readonly string[]): Engine {
  return {
    kind: sim,
    needsGpus: false,
    stopGraceMs: () => 10_000,
    notes: () => [],
    modelPlace: (model) => ({ path: model }),
    componentOf,
    portsOf,
    frontend: (spec, deployment) => frontend(command, spec, requireLocal(deployment, sim.name)),
    worker: (replica, deployment) => worker(command, replica, requireLocal(deployment, sim.name)),
  };
}

function frontend(command: readonly string[], spec: FrontendSpec, deployment: LocalDeployment): Launch {
  const { http } = deployment;
  return {
    command: [...command, 'frontend'],
    args: [
      `--http-host=${http.host}`,
      `--http-port=${http.port}`,
      `--router-mode=${spec.router.mode}`,
      ...(spec.router.kvEvents ? [] : ['--no-router-kv-events']),
      ...(spec.engineArgs.sim ?? []),
    ],
    env: dynamoVariables(deployment),
  };
}

function worker(command: readonly string[], replica: WorkerReplica, deployment: LocalDeployment): Launch {
  const { spec, ports } = replica;
  const flags: [flag: string, value: string | number | undefined][] = [
    ['--mode', spec.mode],
    ['--model-path', deployment.modelPath],
    ['--served-model-name', deployment.servedModelName],
    ['--page-size', spec.pageSize],
    ['--context-length', spec.memory.contextLength],
    ['--max-total-tokens', spec.memory.maxTotalTokens],
    ['--bootstrap-host', spansHosts(deployment) ? deployment.network.address : undefined],
    ['--bootstrap-port', ports.bootstrap],
    ['--endpoint', spec.endpoint],
    ['--nnodes', replica.rank?.of],
    ['--node-rank', replica.rank?.rank],
    ['--dist-init-addr', replica.rank === undefined ? undefined : meetingPoint(replica.rank)],
    ['--media-dir', isMedia(spec.mode) ? mediaFolder(spec, deployment) : undefined],
    ['--media-http-url', isMedia(spec.mode) ? spec.media?.httpUrl : undefined],
  ];
  const switches: [flag: string, on: boolean][] = [
    ['--multimodal', spec.multimodal],
    ['--dedicated-encoder', spec.dedicatedEncoder],
    ['--kv-events', spec.kvEvents],
  ];
  return {
    command: [...command, 'worker'],
    args: [
      ...flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)])),
      ...switches.flatMap(([flag, on]) => (on ? [flag] : [])),
      ...(spec.engineArgs.sim ?? []),
      ...replica.rawArgs,
    ],
    env: {
      ...dynamoVariables(deployment),
      DYN_SYSTEM_HOST: deployment.network.address,
      DYN_SYSTEM_PORT: String(ports.system),
    },
    vitalChildren: '^sim::scheduler',
  };
}

function isMedia(mode: WorkerMode): boolean {
  return mode === 'image' || mode === 'video';
}

function mediaFolder(spec: WorkerSpec, deployment: LocalDeployment): string {
  return spec.media?.fsUrl?.replace(/^file:\/\//, '') ?? deployment.mediaFolder;
}

function portsOf(spec: WorkerSpec): readonly PortName[] {
  return spec.mode === 'prefill' ? ['system', 'bootstrap'] : ['system'];
}

function componentOf(mode: WorkerMode): string {
  return mode === 'prefill' || mode === 'encode' ? mode : 'backend';
}
