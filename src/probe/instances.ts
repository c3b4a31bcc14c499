/** Reads which workers the frontend knows, from the body of its /health. */
import type { ExpectedInstances } from '../plan/plan.ts';

export interface Instance {
  readonly namespace: string;
  readonly component: string;
  readonly endpoint: string;
}

/**
 * Instances in a /health body. Ids exceed 2^53, which JSON.parse rounds: they are not read here.
 * Source: docs/upstream/status-and-health.md#instances.
 */
export function instancesIn(healthBody: string): Instance[] {
  const body: unknown = JSON.parse(healthBody);
  if (typeof body !== 'object' || body === null || !('instances' in body) || !Array.isArray(body.instances))
    return [];
  return body.instances.filter(isInstance);
}

/** What is missing, in words; `undefined` when every expected instance is there. */
export function missingInstances(
  expected: readonly ExpectedInstances[],
  instances: readonly Instance[],
): string | undefined {
  const missing = expected.flatMap(({ namespace, component, endpoint, count }) => {
    const seen = instances.filter(
      (one) => one.namespace === namespace && one.component === component && one.endpoint === endpoint,
    ).length;
    return seen >= count ? [] : [`${seen} of ${count} in ${namespace}.${component}.${endpoint}`];
  });
  return missing.length === 0 ? undefined : missing.join(', ');
}

/**
 * Workers in places where nobody expects one: they say so nowhere else.
 * Source: docs/upstream/status-and-health.md#instances.
 */
export function unexpectedInstances(
  expected: readonly ExpectedInstances[],
  instances: readonly Instance[],
): string[] {
  const planned = new Set(expected.map(nameOf));
  const endpoints = new Set(expected.map(({ endpoint }) => endpoint));
  const names = instances.filter(({ endpoint }) => endpoints.has(endpoint)).map(nameOf);
  return [...new Set(names.filter((name) => !planned.has(name)))];
}

function nameOf({ namespace, component, endpoint }: Instance): string {
  return `${namespace}.${component}.${endpoint}`;
}

function isInstance(value: unknown): value is Instance {
  return (
    typeof value === 'object' &&
    value !== null &&
    'namespace' in value &&
    'component' in value &&
    'endpoint' in value
  );
}
