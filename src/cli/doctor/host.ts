/** The real host as the doctor sees it: its view, put together from the rooms that know. */
import type { Environment } from '../../base/environment.ts';
import { homedir } from 'node:os';
import { systemClock } from '../../base/clock.ts';
import { autoEngines, findEngine } from '../../engine/engines.ts';
import type { HostView } from '../../doctor/host-view.ts';
import { localFiles, localNetwork } from '../../doctor/local-host.ts';
import { holderOf, listeningPorts } from '../../process/ports.ts';
import { procTrouble } from '../../process/proc.ts';
import { runProgram } from '../../host/program.ts';
import { findPythonEnvironment } from '../../python/find-environment.ts';
import type { DeploymentFlags } from '../up/deployment-options.ts';
import { gpuReport, kernelLog } from '../../deployment/doctor-host.ts';
import type { Diagnosed } from './plan.ts';
import { lostSegments, stateFacts } from './state.ts';

/** Below the limit of a check, so that the check can say which program it was. */
const programMs = 4_500;

export function hostView(
  { environment, subject }: Diagnosed,
  flags: DeploymentFlags,
  caller: Environment,
): HostView {
  const engine = subject?.plan?.engine ?? flags.engine;
  return {
    environment,
    home: homedir(),
    cwd: folderHere(),
    clock: systemClock,
    subject,
    files: localFiles,
    network: localNetwork,
    run: async (program, words, timeoutMs = programMs) =>
      await runProgram({ program, words, environment: caller, timeoutMs }),
    procTrouble,
    portHolder: (port) => {
      const inodes = listeningPorts().get(port);
      return inodes === undefined ? undefined : holderOf(inodes);
    },
    // Asked by many checks, and slow where there is a GPU.
    gpus: once(async () => await gpuReport(caller)),
    kernelLog: async () => await kernelLog(caller),
    containers: async () => {
      const { surveyContainers } = await import('../../container/find-daemon.ts');
      return await surveyContainers(caller, homedir());
    },
    python: () =>
      findPythonEnvironment({
        environment: caller,
        asked: flags.python,
        backend: (findEngine(engine)?.python ?? autoEngines.real.python).backend,
      }),
    state: async () => await stateFacts(caller),
    lostSegments: () => lostSegments(caller),
  };
}

/** Where that was removed, checks of the rest of the host still tell something. */
function folderHere(): string {
  try {
    return process.cwd();
  } catch {
    return homedir();
  }
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return async () => await (answer ??= ask());
}
