/** What differs between a live run and what its profile would start now. */
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { comparePlans } from '../../../src/plan/replace-plan.ts';
import { replacementOf, scalePlan } from '../../../src/plan/scale-plan.ts';
import {
  disaggregated,
  frontend,
  gpusOf,
  host,
  options,
  profileOf,
  pythonOf,
  worker,
} from '../../support/profile.ts';

const facts = { environment: {}, busyPorts: new Map<number, string>(), gpus: [] };
const live = makePlan(disaggregated, options(), host());

/** Planned again when other ports are taken. */
const again = (more: Parameters<typeof options>[0] = {}, profile = disaggregated) => {
  const taken = live.processes.flatMap(({ ports }) => Object.values(ports));
  const busyPorts = new Map(taken.filter((port) => port !== live.http.port).map((port) => [port, 'another']));
  return makePlan(profile, options(more), host({ busyPorts }));
};

test('other ports are no difference', () => {
  const fresh = again();
  expect(fresh.processes[1]?.ports).not.toEqual(live.processes[1]?.ports);
  expect(comparePlans(live, fresh)).toEqual({
    names: [],
    templates: {},
    differences: [],
    fixed: [],
    counts: [],
  });
});

test('flags and variables of workers differ by process and name', () => {
  const profile = profileOf({
    name: 'disagg',
    components: {
      frontend,
      prefill: worker('prefill'),
      decode: worker('decode', {
        replicas: 2,
        dependsOn: { prefill: 'started' },
        memory: { contextLength: 512 },
      }),
    },
  });
  const { names, differences, templates, fixed } = comparePlans(live, again({}, profile));
  expect(names).toEqual(['decode-1', 'decode-2']);
  expect(differences.slice(0, 1)).toEqual([
    { of: 'decode-1', what: '--context-length', from: 'none', to: '512' },
  ]);
  expect([Object.keys(templates), fixed]).toEqual([['decode'], []]);
  const { added, removed, during } = replacementOf(
    live,
    'decode-1',
    templates.decode ?? live.processes[0]!,
    facts,
  );
  expect([added.map(({ name }) => name), removed.map(({ name }) => name)]).toEqual([
    ['decode-3'],
    ['decode-1'],
  ]);
  expect(added[0]?.argv.join(' ')).toContain('--context-length 512');
  expect(during.processes).toHaveLength(live.processes.length + 1);
});

test('workers that were added or replaced are compared like the others; their number is said', () => {
  const scaled = scalePlan(live, { decode: 3 }, facts).after;
  if (!('http' in scaled) || scaled.http === undefined) throw new Error('it serves nothing');
  const { names, counts } = comparePlans(scaled, again());
  expect([names, counts]).toEqual([[], [{ of: 'decode', what: 'workers', from: '3', to: '2' }]]);
});

test('what only a new start changes is told apart', () => {
  const routed = profileOf({
    name: 'disagg',
    components: {
      frontend: { kind: 'frontend', router: { mode: 'kv' } },
      prefill: worker('prefill'),
      extra: worker('aggregated'),
    },
  });
  const { fixed } = comparePlans(live, again({ infra: 'none' }, routed));
  expect(fixed.map(({ of, what }) => `${of} ${what}`)).toEqual(
    expect.arrayContaining(['frontend --router-mode', 'decode component', 'extra component']),
  );
});

test('a port of etcd that moved is no difference; another engine is', () => {
  const infra = {
    binaries: { etcd: { path: '/usr/bin/etcd', version: '3.5.9', because: 'found' } },
    external: {},
    persistentFolder: '/i',
  };
  const more = { infra: 'process', discovery: 'etcd' } as const;
  const withEtcd = makePlan(disaggregated, options(more), host({ infra }));
  const taken = withEtcd.processes.flatMap(({ ports }) => Object.values(ports));
  const busyPorts = new Map(
    taken.filter((port) => port !== withEtcd.http.port).map((port) => [port, 'another']),
  );
  const moved = makePlan(disaggregated, options(more), host({ infra, busyPorts }));
  expect(comparePlans(withEtcd, moved)).toMatchObject({ names: [], fixed: [] });
  const python = pythonOf('1.6.1', '0.5.21');
  const mocker = makePlan(disaggregated, options({ engine: 'mocker' }), host({ python, gpus: gpusOf(4) }));
  expect(comparePlans(live, mocker).fixed).toContainEqual({
    of: 'run',
    what: 'engine',
    from: 'sim',
    to: 'mocker',
  });
});
