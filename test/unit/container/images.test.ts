/** Pull progress from Docker, as one readable line. */
import { expect, test } from 'vitest';
import { foldStep, type Layers, pullProgress, type PullStep } from '../../../src/container/images.ts';

const fold = (steps: readonly PullStep[]): Layers => steps.reduce(foldStep, new Map() satisfies Layers);
const begin: readonly PullStep[] = [
  { status: 'Pulling from library/nats', id: '2.11.4' },
  { status: 'Pulling fs layer', id: 'a' },
  { status: 'Already exists', id: 'b' },
  { status: 'Waiting', id: 'c' },
];

test('counts layers without the tag, and sizes once they are known', () => {
  expect(pullProgress('nats:2.11.4', fold(begin))).toEqual({
    doing: 'downloading',
    phase: 'image',
    what: 'image nats:2.11.4, 1 of 3 layers',
  });
  const more = [
    ...begin,
    { status: 'Downloading', id: 'a', progressDetail: { current: 30, total: 100 } },
    { status: 'Downloading', id: 'c', progressDetail: { current: 20, total: 100 } },
  ];
  expect(pullProgress('nats:2.11.4', fold(more))).toMatchObject({
    doneBytes: 50,
    totalBytes: 200,
    percent: 25,
  });
});

test('a layer that is being unpacked counts as downloaded, and as done when it is there', () => {
  const unpacking = [
    ...begin,
    { status: 'Downloading', id: 'a', progressDetail: { current: 30, total: 100 } },
    { status: 'Download complete', id: 'a' },
    { status: 'Extracting', id: 'a', progressDetail: { current: 1, total: 100 } },
  ];
  expect(pullProgress('i', fold(unpacking))).toMatchObject({
    what: 'image i, 1 of 3 layers',
    doneBytes: 100,
  });
  const there = [...unpacking, { status: 'Pull complete', id: 'a' }];
  expect(pullProgress('i', fold(there))).toMatchObject({ what: 'image i, 2 of 3 layers', percent: 100 });
});

test('messages about anything else are ignored', () => {
  const layers = fold(begin);
  for (const status of ['Digest: sha256:1', 'Status: Downloaded newer image for nats:2.11.4']) {
    expect(foldStep(layers, { status })).toBe(layers);
  }
});
