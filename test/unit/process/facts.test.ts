/** Which container a control group belongs to, and how to stop it. */
import { expect, test } from 'vitest';
import { containerOf } from '../../../src/process/facts.ts';

const [one, other] = ['5f3c0b9a12cd'.repeat(6).slice(0, 64), 'ab12'.repeat(16)];

test.each([
  ['0::/system.slice/docker-5f3c0b', undefined],
  ['0::/user.slice', undefined],
  [`0::/system.slice/docker-${one}.scope`, { id: '5f3c0b9a12cd', stop: 'docker stop 5f3c0b9a12cd' }],
  [`9:cpu:/\n4:memory:/docker/${one}`, { id: '5f3c0b9a12cd', stop: 'docker stop 5f3c0b9a12cd' }],
  [`0::/machine.slice/libpod-${one}.scope`, { id: '5f3c0b9a12cd', stop: 'podman stop 5f3c0b9a12cd' }],
  [`11:memory:/kubepods/burstable/pod1/${other}`, { id: 'ab12ab12ab12', stop: 'crictl stop ab12ab12ab12' }],
  [`0::/somebody/${other}`, { id: 'ab12ab12ab12' }],
  [`0::/docker/${one}/docker/${other}`, { id: 'ab12ab12ab12', stop: 'docker stop ab12ab12ab12' }],
])('control group %j belongs to container %j', (cgroup, container) => {
  expect(containerOf(cgroup)).toEqual(container);
});

test('our own container does not count, one inside it does', () => {
  const ours = `0::/docker/${one}`;
  expect(containerOf(`${ours}/worker`, ours)).toBeUndefined();
  expect(containerOf(`${ours}/docker/${other}`, ours)).toMatchObject({ id: 'ab12ab12ab12' });
});
