/** Finds out what can be had of containers: which daemon answers, and which images it has or can fetch. */
import { homedir } from 'node:os';
import type { Environment } from '../base/environment.ts';
import { messageOf } from '../base/error-code.ts';
import type { ContainerFacts, ImageFacts } from '../plan/container.ts';

/** `references`: images that may be wanted. Never rejects. */
export async function containerFacts(
  references: readonly string[],
  environment: Environment,
): Promise<ContainerFacts> {
  // Docker's client doubles what a start reads: only who needs it loads it.
  const { findDaemon } = await import('../container/find-daemon.ts');
  const found = await findDaemon(environment, homedir());
  if ('problem' in found) return { problem: found.problem, images: {} };
  const [{ connect }, { imageFacts }] = await Promise.all([
    import('../container/client.ts'),
    import('../container/images.ts'),
  ]);
  const docker = connect(found.daemon);
  const images = await Promise.all(
    references.map(async (reference): Promise<[string, ImageFacts]> => {
      const facts = await imageFacts(docker, reference).catch((error: unknown) => ({
        present: false,
        problem: { words: messageOf(error), fix: 'docker info' },
      }));
      return [reference, facts];
    }),
  );
  return { daemon: found.daemon, images: Object.fromEntries(images) };
}
