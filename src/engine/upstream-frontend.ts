/** Upstream's OpenAI frontend, the same before real workers and before the mocker. */
import type { FrontendSpec } from '../profile/profile.ts';
import type { Deployment, Launch, LocalDeployment, PythonHome } from './engine.ts';
import { pythonVariables } from './python-home.ts';

/**
 * Open streams are waited for without a limit of upstream's own.
 * Source: docs/upstream/processes.md#stopping-the-frontend.
 */
export const frontendGraceMs = 30_000;

/** Holds all of upstream, the mocker too. Source: the page "SGLang" of the documentation of 1.1.1. */
export const runtimeImage = {
  name: 'runtime',
  reference: 'nvcr.io/nvidia/ai-dynamo/sglang-runtime:1.1.1',
} as const;

/** `engineArgs`: what the profile gives it for this engine. Source: docs/upstream/frontend.md#flags-that-we-set. */
export function upstreamFrontend(
  home: PythonHome,
  spec: FrontendSpec,
  deployment: Deployment,
  engineArgs: readonly string[],
): Launch {
  const { events } = deployment;
  const { mode, kvEvents } = spec.router;
  const listens = kvEvents && events !== 'none';
  return {
    command: [home.python, '-m', 'dynamo.frontend'],
    args: [
      ...(deployment.target === 'local' ? httpFlags(deployment) : []),
      '--router-mode',
      mode,
      ...(mode === 'kv' ? [listens ? '--router-kv-events' : '--no-router-kv-events'] : []),
      ...(spec.chatProcessor === undefined ? [] : ['--dyn-chat-processor', spec.chatProcessor]),
      ...engineArgs,
    ],
    env: pythonVariables(home, deployment, 'frontend'),
  };
}

function httpFlags({ http }: LocalDeployment): string[] {
  return ['--http-host', http.host, '--http-port', String(http.port)];
}
