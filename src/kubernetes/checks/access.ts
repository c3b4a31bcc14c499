/** Checks of what this user may do, and of the namespace. */
import { fail, ok, skip } from '../../doctor/check.ts';
import { type Right, rightsOf } from '../cluster.ts';
import { apiGroup, labels, managedBy } from '../target.ts';
import { type ClusterCheck, failOf } from './cluster-check.ts';

const graphs = { group: apiGroup, resource: 'dynamographdeployments' };
const needed: readonly Right[] = [
  { verb: 'create', ...graphs },
  { verb: 'patch', ...graphs },
  { verb: 'get', ...graphs },
  { verb: 'delete', ...graphs },
  { verb: 'list', resource: 'pods' },
  { verb: 'get', resource: 'pods', subresource: 'log' },
  { verb: 'create', resource: 'pods', subresource: 'portforward' },
];

export const rightsCheck: ClusterCheck = {
  id: 'K5',
  name: 'rights',
  title: 'this user has permission to create, watch, reach and delete deployments',
  beforeUp: true,
  look: async (kubectl, _, call) => {
    const { namespace } = kubectl.place;
    const rights = await rightsOf(kubectl, needed, call);
    if (rights.kind === 'problem')
      return failOf(rights.problem, kubectl, 'the permissions of this user are unknown');
    const missing = needed.filter((_right, i) => rights.value[i] !== true);
    const [first] = missing;
    if (first === undefined) return ok(`in namespace ${namespace}`);
    const list = missing.map(({ verb, subresource, ...right }) =>
      [verb, `${nameOf(right)}${subresource === undefined ? '' : `/${subresource}`}`].join(' '),
    );
    const asked = [first.verb, nameOf(first)];
    return fail(
      `this user has no permission in namespace ${namespace} to: ${list.join(', ')}`,
      kubectl.line(
        'auth',
        'can-i',
        ...asked,
        ...(first.subresource === undefined ? [] : [`--subresource=${first.subresource}`]),
      ),
    );
  },
};

function nameOf({ resource, group }: Pick<Right, 'resource' | 'group'>): string {
  return group === undefined ? resource : `${resource}.${group}`;
}

export const namespaceCheck: ClusterCheck = {
  id: 'K6',
  name: 'namespace',
  title: 'the namespace exists',
  beforeUp: true,
  look: async (kubectl, _, call) => {
    const { namespace } = kubectl.place;
    const answer = await kubectl.run(['get', 'namespace', namespace, '-o', 'name'], call);
    if (answer.code === 0) return ok(namespace);
    if (/NotFound|not found/.test(answer.stderr))
      return fail(
        `there is no namespace ${namespace}`,
        kubectl.clusterLine('create', 'namespace', namespace),
      );
    return skip(`this user cannot read namespace ${namespace}`);
  },
};

export const ownCheck: ClusterCheck = {
  id: 'K11',
  name: 'own-deployments',
  title: 'deployments that dynamo made in this namespace',
  beforeUp: false,
  look: async (kubectl, _, call) => {
    const words = ['get', 'dynamographdeployments', '-l', `${labels.managed}=${managedBy}`, '-o', 'name'];
    const answer = await kubectl.run(words, call);
    if (answer.code !== 0) return skip('they cannot be listed');
    const names = answer.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.replace(/^.*\//, ''));
    return ok(names.length === 0 ? 'none' : names.join(', '));
  },
};
