/** A process in a container as a `docker run` that people can paste: what is asked of the daemon's API otherwise. */
import type { ContainerSpec } from './container.ts';
import type { Plan, ProcessSpec } from './plan.ts';

/** What starts the process on this host; of one in a container its variables are a part. */
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
