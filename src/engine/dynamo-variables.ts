/** The variables through which Dynamo's processes find each other: always set, so that inherited values have no effect. */
import type { Deployment, Discovery, LocalDeployment } from './engine.ts';

/**
 * Variables of every process of a deployment.
 * Source: docs/upstream/environment-variables.md#what-every-process-needs.
 */
export function dynamoVariables(deployment: Deployment): Record<string, string> {
  const { events, profile } = deployment;
  return {
    ...(deployment.target === 'local' ? meetingPlace(deployment) : {}),
    DYN_REQUEST_PLANE: profile.requestPlane,
    DYN_EVENT_PLANE: events,
    ...(deployment.target === 'local' ? { DYN_TCP_RPC_HOST: deployment.network.address } : {}),
    DYN_SDK_DISABLE_ANSI_LOGGING: '1',
  };
}

function meetingPlace({ discovery, nats, profile }: LocalDeployment): Record<string, string> {
  return {
    DYN_DISCOVERY_BACKEND: discovery.backend,
    ...whereabouts(discovery),
    ...(nats === undefined ? {} : { NATS_SERVER: nats }),
    DYN_NAMESPACE: profile.namespace,
  };
}

function whereabouts(discovery: Discovery): Record<string, string> {
  if (discovery.backend === 'file') return { DYN_FILE_KV: discovery.folder };
  return { ETCD_ENDPOINTS: discovery.endpoints.join(',') };
}

/** Log verbosity is up to the user; it does not affect the plan. */
const harmless = /^DYN_(LOG$|LOGGING_|SDK_)/;
const deciding = /^(DYN_|ETCD_|NATS_|OTEL_(EXPORT_ENABLED|SERVICE_NAME)$)/;

/**
 * Names of inherited variables that would override the plan, sorted.
 * A leaked DYN_SYSTEM_PORT makes every worker bind one port; a set NATS_SERVER forces a connection on 1.1.1; one
 * OTEL_SERVICE_NAME would be that of every process. Source:
 * docs/upstream/environment-variables.md#inherited-variables-that-do-harm.
 */
export function decidingVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(environment)
    .filter((name) => deciding.test(name) && !harmless.test(name))
    .toSorted();
}
