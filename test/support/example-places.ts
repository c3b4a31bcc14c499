/** Where the examples of the helps are run: with Node and npm alone, except for those here, which need more. */

export interface Place {
  readonly pattern: RegExp;
  /** `real`: test/real/examples runs them as they stand. Else where something does that is the same but for its names. */
  readonly where: string;
  readonly needs: string;
}

export const otherPlaces: readonly Place[] = [
  { pattern: /\| jq\b/, where: 'real', needs: 'jq' },
  { pattern: /-- pytest/, where: 'real', needs: 'Python with pytest' },
  {
    pattern: /^dynamo infra up --infra docker/,
    where: 'test/real/container/infra.test.ts',
    needs: 'a Docker daemon and images',
  },
  { pattern: /^dynamo infra|--discovery etcd/, where: 'real', needs: 'etcd and NATS' },
];

/** `undefined` for an example that runs with Node and npm alone. */
export function otherPlace(line: string): Place | undefined {
  return otherPlaces.find(({ pattern }) => pattern.test(line));
}
