/** Classifies what kubectl prints to stderr when it fails. */
import { DynamoError, type ErrorCode } from '../base/error.ts';
import type { Answer, Kubectl } from './kubectl.ts';

export type ProblemKind =
  /** No answer, or none in time. */
  | 'unreachable'
  /** The kubeconfig has no such context, or there is none at all. */
  | 'no-context'
  | 'unauthorized'
  | 'forbidden'
  | 'quota'
  | 'no-namespace'
  | 'not-found'
  | 'already-there'
  | 'no-crd'
  /** A webhook of the operator does not answer. */
  | 'operator-down'
  /** A webhook refused the request. */
  | 'refused'
  | 'conflict'
  | 'old-kubectl'
  | 'immutable'
  | 'invalid'
  | 'other';

export interface Problem {
  readonly kind: ProblemKind;
  /** The last line that kubectl printed: the error. */
  readonly said: string;
}

/** By the label of upstream's chart. */
export function lookAtOperator({ clusterLine }: Pick<Kubectl, 'clusterLine'>): string {
  return clusterLine(
    'get',
    'deployments',
    '--all-namespaces',
    '-l',
    'app.kubernetes.io/name=dynamo-operator',
  );
}

/** The order matters: the error about a webhook that does not answer also mentions a timeout. */
const patterns: readonly (readonly [ProblemKind, RegExp])[] = [
  ['old-kubectl', /unknown (shorthand )?(flag|command)/i],
  ['operator-down', /(conversion|failed calling) webhook/i],
  ['quota', /exceeded quota/i],
  ['immutable', /immutable|(may|can) ?not be changed/i],
  ['refused', /admission webhook .* denied the request/i],
  ['no-context', /context .* does not exist|no context exists|cannot read|invalid configuration/i],
  ['no-context', /localhost:8080|no configuration has been provided/i],
  ['unauthorized', /Unauthorized|must be logged in|getting credentials|provide credentials/i],
  ['forbidden', /\(Forbidden\)|is forbidden/i],
  ['no-namespace', /namespaces "[^"]*" not found/i],
  ['no-crd', /no matches for kind|doesn't have a resource type|could not find the requested resource/i],
  ['conflict', /conflict/i],
  ['already-there', /AlreadyExists|already exists/i],
  [
    'invalid',
    /is invalid|field not declared in schema|failed to create typed|strict decoding|\(BadRequest\)/i,
  ],
  ['not-found', /NotFound|not found/],
  [
    'unreachable',
    /no answer within|was refused|Unable to connect|i\/o timeout|deadline exceeded|Client\.Timeout|TLS handshake|no such host|no route to host|x509|EOF|ServiceUnavailable/i,
  ],
];

export function problemOf({ stderr, code }: Answer): Problem {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const said = (lines.at(-1) ?? `kubectl ended with ${code}`).replace(
    /^(error|Error from server[^:]*): /i,
    '',
  );
  const kind = patterns.find(([, pattern]) => pattern.test(stderr))?.[0] ?? 'other';
  return { kind, said: said.length > 600 ? `${said.slice(0, 599)}…` : said };
}

/** `doing`: what failed, as in "agg was not created". */
export function problemError(problem: Problem, kubectl: Kubectl, doing: string): DynamoError {
  const { kind, said } = problem;
  const { context, namespace } = kubectl.place;
  const where = context === undefined ? 'the current context of the kubeconfig' : `context ${context}`;
  const [code, why, hint] = wordsFor(kind, kubectl, where, namespace);
  return new DynamoError(code, `${doing}: ${why}.`, {
    fields: { context, namespace },
    details: [`kubectl: ${said}`],
    hint,
    cause: problem,
  });
}

/** The problem that an error of `problemError` is about. */
export function problemIn({ cause }: DynamoError): ProblemKind | undefined {
  return (cause as Problem | undefined)?.kind;
}

function wordsFor(
  kind: ProblemKind,
  kubectl: Kubectl,
  where: string,
  namespace: string,
): readonly [ErrorCode, string, string] {
  switch (kind) {
    case 'unreachable':
      return [
        'unavailable',
        `the cluster does not answer (${where})`,
        kubectl.line('get', '--raw', '/readyz'),
      ];
    case 'no-context':
      return ['environment', `kubectl knows no cluster for ${where}`, 'kubectl config get-contexts'];
    case 'unauthorized':
      return [
        'not-allowed',
        `the cluster does not accept the login of ${where}`,
        kubectl.line('auth', 'whoami'),
      ];
    case 'forbidden':
      return [
        'not-allowed',
        `this user has no permission for that in namespace ${namespace}`,
        kubectl.line('auth', 'can-i', '--list'),
      ];
    case 'quota':
      return [
        'busy',
        `a quota of namespace ${namespace} is used up`,
        kubectl.line('describe', 'resourcequota'),
      ];
    case 'no-namespace':
      return [
        'environment',
        `there is no namespace ${namespace}`,
        kubectl.clusterLine('create', 'namespace', namespace),
      ];
    case 'not-found':
      return ['run-not-found', 'it is not there', kubectl.line('get', 'dynamographdeployments')];
    case 'already-there':
      return ['busy', 'it is there already', kubectl.line('get', 'dynamographdeployments')];
    case 'no-crd':
      return [
        'environment',
        'the cluster has no DynamoGraphDeployment: the Dynamo platform is not installed',
        'helm install dynamo-platform …   # docs/kubernetes.md, "What the cluster needs"',
      ];
    case 'operator-down':
      return [
        'unavailable',
        'the operator of Dynamo is not running: its webhook does not answer',
        lookAtOperator(kubectl),
      ];
    case 'refused':
      return ['profile-invalid', 'the operator of Dynamo refused it', 'dynamo plan PROFILE --on kubernetes'];
    case 'old-kubectl':
      return ['environment', 'this kubectl is too old', 'dynamo doctor --on kubernetes'];
    case 'conflict':
      return [
        'busy',
        'somebody else owns fields of it',
        kubectl.line('get', 'dynamographdeployments', '-o', 'yaml', '--show-managed-fields'),
      ];
    case 'immutable':
      return ['not-allowed', 'it changes an immutable field', 'dynamo down NAME   # then dynamo up again'];
    case 'invalid':
      return [
        'profile-invalid',
        'the API server refused a field of it',
        'dynamo plan PROFILE --on kubernetes',
      ];
    case 'other':
      return ['unavailable', 'kubectl failed', kubectl.line('version')];
  }
}
