import { defineConfig } from 'vitest/config';

const project = (name: string, testTimeout: number, needsBuild: boolean) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    // Pure code: a fresh world for each file would cost more than the tests.
    isolate: name !== 'unit',
    hookTimeout: testTimeout,
    ...(needsBuild ? { globalSetup: ['test/setup/build.ts'] } : {}),
  },
});

// Tests that start processes run two files at a time: the machine that they must pass on has two cores.
export default defineConfig({
  test: {
    maxWorkers: 2,
    maxConcurrency: 2,
    projects: [
      project('unit', 60_000, false),
      project('integration', 60_000, true),
      project('e2e', 60_000, true),
      project('chaos', 60_000, true),
      // Against software beyond Node and npm; a missing tool fails its tests.
      project('real', 120_000, true),
      // Gigabytes, and minutes a start: one at a time.
      project('sglang', 1_500_000, true),
    ],
  },
});
