/** Lists the containers of the daemon that would be used, ours and others. */
import type { Port } from 'dockerode';
import { messageOf } from '../base/error-code.ts';
import { containerLabels } from '../base/identity.ts';
import type { ContainerSurvey, SeenContainer } from '../plan/container.ts';
import { answered, connect } from './client.ts';
import { findDaemon } from './find-daemon.ts';

const listMs = 3_000;

/** Never rejects. */
export async function surveyContainers(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
): Promise<ContainerSurvey> {
  const found = await findDaemon(environment, home);
  if ('problem' in found) return { problem: found.problem, containers: [] };
  const { daemon } = found;
  try {
    const listed = await answered(connect(daemon).listContainers({ all: true }), listMs);
    return {
      daemon,
      containers: listed.map(({ Names, Image, State, Labels, Ports }): SeenContainer => {
        const labels = Labels ?? {};
        return {
          name: (Names[0] ?? '').replace(/^\//, ''),
          image: Image,
          state: State,
          published: Ports.flatMap(({ IP = '', PublicPort }: Partial<Port>) =>
            PublicPort === undefined ? [] : [`${IP}:${PublicPort}`],
          ),
          runId: labels[containerLabels.run] ?? '',
          runFolder: labels[containerLabels.folder] ?? '',
        };
      }),
    };
  } catch (error) {
    const words = `its containers cannot be listed: ${messageOf(error)}`;
    return { problem: { words, fix: 'docker ps' }, containers: [] };
  }
}
