/** Checks names of components and pods on a command line. */
import { DynamoError } from '../../base/error.ts';
import { nearest } from '../../base/nearest.ts';
import type { Graph, Pod } from '../../kubernetes/objects.ts';
import { namesOf, podLabels } from '../../kubernetes/pod-output.ts';

/** Throws `usage` for a name that the deployment does not have. `without`: the command without names. */
export function requireNames(
  { name, components }: Graph,
  pods: readonly Pod[],
  asked: readonly string[],
  without: string,
): void {
  const labels = podLabels(pods);
  const known = new Set([
    ...components.map((each) => each.name),
    ...pods.flatMap((pod) => namesOf(pod, labels)),
  ]);
  const wrong = asked.find((each) => !known.has(each));
  if (wrong === undefined) return;
  const meant = nearest(wrong, [...known]);
  throw new DynamoError(
    'usage',
    `${name} has no component or pod ${JSON.stringify(wrong)}: ${components.map((each) => each.name).join(', ')}.`,
    {
      fields: {
        deployment: name,
        asked: wrong,
        choices: components.map((each) => each.name),
        nearest: meant,
      },
      hint: meant === undefined ? without : `did you mean ${meant}?`,
    },
  );
}
