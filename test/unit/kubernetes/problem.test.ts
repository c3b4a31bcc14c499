/** What kubectl said, as it was seen with kubectl 1.32 and 1.36 before a kube-apiserver 1.36.3 and without one. */
import { expect, it } from 'vitest';
import { type ProblemKind, problemOf } from '../../../src/kubernetes/problem.ts';

const said: readonly (readonly [ProblemKind, string])[] = [
  [
    'unreachable',
    'The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?',
  ],
  [
    'unreachable',
    'Unable to connect to the server: dial tcp: lookup k8s.example on 10.0.0.2:53: no such host',
  ],
  ['unreachable', 'Unable to connect to the server: net/http: TLS handshake timeout'],
  ['unreachable', 'no answer within 2 s'],
  [
    'unreachable',
    'Unable to connect to the server: tls: failed to verify certificate: x509: certificate has expired',
  ],
  ['no-context', 'error: context "nowhere" does not exist'],
  [
    'no-context',
    'The connection to the server localhost:8080 was refused - did you specify the right host or port?',
  ],
  ['unauthorized', 'error: You must be logged in to the server (Unauthorized)'],
  ['unauthorized', 'Unable to connect to the server: getting credentials: exec: executable aws not found'],
  [
    'forbidden',
    'Error from server (Forbidden): pods is forbidden: User "guest" cannot list resource "pods" in API group "" in the namespace "serving"',
  ],
  ['no-namespace', 'Error from server (NotFound): namespaces "serving" not found'],
  ['not-found', 'Error from server (NotFound): dynamographdeployments.nvidia.com "agg" not found'],
  ['already-there', 'Error from server (AlreadyExists): pods "x" already exists'],
  [
    'no-crd',
    'error: resource mapping not found for name: "agg": no matches for kind "DynamoGraphDeployment" in version "nvidia.com/v1beta1"',
  ],
  ['no-crd', 'error: the server doesn\'t have a resource type "dgd"'],
  [
    'operator-down',
    'Error from server: conversion webhook for nvidia.com/v1beta1, Kind=DynamoGraphDeployment failed: Post "https://x.svc:443/convert?timeout=30s": service "x" not found',
  ],
  [
    'operator-down',
    'Error from server (InternalError): Internal error occurred: failed calling webhook "v.nvidia.com": Post "https://x.svc:443/validate?timeout=10s": context deadline exceeded',
  ],
  [
    'refused',
    'Error from server (Forbidden): admission webhook "v.nvidia.com" denied the request: spec.components: at least one is needed',
  ],
  [
    'immutable',
    'Error from server (Forbidden): admission webhook "v.nvidia.com" denied the request: spec.components[0].type is immutable',
  ],
  [
    'conflict',
    'error: Apply failed with 1 conflict: conflict with "kubectl-edit" using nvidia.com/v1beta1: .spec.components[name="worker"].replicas',
  ],
  [
    'invalid',
    'Error from server: failed to create typed patch object (serving/agg; nvidia.com/v1beta1): .spec.components[name="prefill"].replica: field not declared in schema',
  ],
  ['invalid', 'The DynamoGraphDeployment "agg" is invalid: spec.components[0].type: Unsupported value: "x"'],
  [
    'quota',
    'Error from server (Forbidden): dynamographdeployments.nvidia.com "agg" is forbidden: exceeded quota: few, requested: 1, used: 2, limited: 2',
  ],
];

it.each(said)('%s: %s', (kind, stderr) => {
  expect(problemOf({ code: 1, stdout: '', stderr }).kind).toBe(kind);
});
