/** Properties of every plan, whatever the profile, host and options. */
import * as fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { makePlan, planWithSecrets } from '../../../src/plan/make-plan.ts';
import { hideSecrets, withSecrets } from '../../../src/plan/plan-secrets.ts';
import type { ServingPlan, ProcessSpec } from '../../../src/plan/plan.ts';
import { cleanName, isRunName } from '../../../src/plan/run-name.ts';
import { type Planned, planned } from '../../support/arbitrary-plan.ts';

// Each test plans many profiles: on a busy machine that takes longer than the usual limit.
vi.setConfig({ testTimeout: 120_000 });

function holds(check: (plan: ServingPlan, from: Planned) => void): void {
  fc.assert(
    fc.property(planned, (from) => void check(makePlan(from.profile, from.options, from.host), from)),
    { numRuns: 30 },
  );
}

const portsOf = (plan: ServingPlan): number[] => plan.processes.flatMap(({ ports }) => Object.values(ports));

test('no two processes share a port', () => {
  holds((plan) => expect(new Set(portsOf(plan)).size).toBe(portsOf(plan).length));
});

test('no planned port is busy, and ports of workers fit into 16 signed bits', () => {
  holds((plan, { host }) => {
    expect(portsOf(plan).filter((port) => host.busyPorts.has(port))).toEqual([]);
    const workerPorts = plan.processes.flatMap(({ kind, ports }) =>
      kind === 'worker' ? Object.values(ports) : [],
    );
    expect(workerPorts.filter((port) => port < 10_000 || port > 32_767)).toEqual([]);
  });
});

test('on a crowded host, every process still gets free ports of its own', () => {
  fc.assert(
    fc.property(planned, fc.integer({ min: 0, max: 6 }), (from, gap) => {
      const busy = new Map(Array.from({ length: 22_000 }, (_, i) => [10_000 + i, 'somebody']));
      for (let i = 0; i < 60; i++) busy.delete(12_000 + i * (gap + 1));
      const plan = makePlan(from.profile, from.options, { ...from.host, busyPorts: busy });
      expect(new Set(portsOf(plan)).size).toBe(portsOf(plan).length);
      expect(portsOf(plan).filter((port) => busy.has(port))).toEqual([]);
    }),
    { numRuns: 3 },
  );
});

test('every process comes after those it waits for', () => {
  holds((plan) => {
    const place = new Map(plan.processes.map(({ name }, i) => [name, i]));
    for (const { name, dependsOn } of plan.processes) {
      for (const edge of dependsOn) expect(place.get(edge.process)).toBeLessThan(place.get(name) ?? -1);
    }
  });
});

test('every process is stopped exactly once, before those it waited for', () => {
  holds((plan) => {
    const wave = new Map(plan.stopOrder.flatMap((names, i) => names.map((name) => [name, i])));
    expect(plan.stopOrder.flat().toSorted()).toEqual(plan.processes.map(({ name }) => name).toSorted());
    expect(plan.stopOrder.filter((names) => names.length === 0)).toEqual([]);
    for (const { name, dependsOn } of plan.processes) {
      for (const edge of dependsOn)
        expect(wave.get(edge.process)).toBeGreaterThan(wave.get(name) ?? Infinity);
    }
  });
});

test('the frontend is stopped first and alone, unless something waited for it', () => {
  holds((plan) => {
    const awaited = plan.processes.some(({ dependsOn }) =>
      dependsOn.some((edge) => edge.process === 'frontend'),
    );
    if (!awaited) expect(plan.stopOrder[0]).toEqual(['frontend']);
  });
});

test('the same input gives the same plan byte for byte', () => {
  holds((plan, { profile, options, host }) => {
    const again = makePlan(structuredClone(profile), structuredClone(options), structuredClone(host));
    expect(JSON.stringify(again)).toBe(JSON.stringify(plan));
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });
});

test('names, log files and markers of processes are unique', () => {
  holds((plan) => {
    const count = plan.processes.length;
    expect(new Set(plan.processes.map(({ name }) => name)).size).toBe(count);
    expect(new Set(plan.processes.map(({ logFile }) => logFile)).size).toBe(count);
    for (const { name, env } of plan.processes) {
      expect([env.DYNAMO_PROCESS, env.DYNAMO_RUN_ID]).toEqual([name, plan.runId]);
    }
  });
});

test('every worker is expected once', () => {
  holds((plan) => {
    const workers = plan.processes.filter(({ kind }) => kind === 'worker').length;
    expect(plan.expected.reduce((sum, { count }) => sum + count, 0)).toBe(workers);
  });
});

test('--stop-timeout caps every grace', () => {
  holds((plan, { options: { stopTimeoutMs } }) => {
    for (const {
      stopGraceMs,
      loadingStopGraceMs = 0,
      degradedStopGraceMs = 0,
      unusedStopGraceMs = 0,
    } of plan.processes) {
      expect(stopGraceMs).toBeLessThanOrEqual(stopTimeoutMs ?? Infinity);
      expect(Math.max(loadingStopGraceMs, degradedStopGraceMs, unusedStopGraceMs)).toBeLessThanOrEqual(
        stopGraceMs,
      );
    }
  });
});

test('a possibly secret variable appears in the plan only by name', () => {
  const name = fc.constantFrom('HF_TOKEN', 'MY_API_KEY', 'AWS_SECRET_ACCESS_KEY', 'DB_PASSWORD', 'COLOUR');
  fc.assert(
    fc.property(planned, name, (from, variable) => {
      const value = 'hf_verySecretValue';
      const env = { ...from.options.env, [variable]: value };
      const { plan, secrets } = planWithSecrets(from.profile, { ...from.options, env }, from.host);
      expect(JSON.stringify(plan)).not.toContain(value);
      expect(plan.secrets).toContain(variable);
      for (const spec of plan.processes) expect(withSecrets(spec, secrets).env[variable]).toBe(value);
    }),
    { numRuns: 15 },
  );
});

test('hidden values are restored exactly', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('--api-key', '--token=a', '***', 'a***b', 'Bearer x', '//a:b@c', '$&', '--key=***'),
  );
  const variable = fc.constantFrom('DYN_LOG', 'API_KEY', 'COLOUR', 'NATS_SERVER', 'hf_token');
  const spec = fc.record({ argv: fc.array(word), env: fc.dictionary(variable, word) });
  fc.assert(
    fc.property(planned, fc.array(spec, { maxLength: 4 }), fc.array(word), (from, specs, known) => {
      const [base] = makePlan(from.profile, from.options, from.host).processes;
      if (base === undefined) throw new Error('no process');
      const full = specs.map(({ argv, env }): ProcessSpec => ({ ...base, argv, env, hidden: undefined }));
      const { processes, secrets } = hideSecrets(
        full,
        known.filter((each) => each.length >= 6),
      );
      const back = processes.map((each) => ({ ...withSecrets(each, secrets), hidden: undefined }));
      expect(back).toEqual(full);
    }),
    { numRuns: 100 },
  );
});

test('a variable with NUL, or longer than the kernel allows, is rejected', () => {
  const bad = fc.oneof(
    fc.tuple(fc.string(), fc.string()).map(([a, b]) => `${a}\0${b}`),
    fc.constantFrom('x'.repeat(131_072), 'ä'.repeat(65_536), '𝒳'.repeat(32_768)),
  );
  const name = fc.constantFrom('DYN_LOG', 'COLOUR');
  fc.assert(
    fc.property(planned, name, bad, (from, variable, value) => {
      const given = { ...from.options, env: { [variable]: value } };
      expect(() => makePlan(from.profile, given, from.host)).toThrow(`--env ${variable}`);
      // With a dash it would be a separate flag.
      const words = { ...from.options, rawArgs: ['--x', value.replace(/^-+/, '')] };
      expect(() => makePlan(from.profile, words, from.host)).toThrow(/argument --x/);
    }),
    { numRuns: 20 },
  );
});

test('a generated run name is valid for --name and unchanged by it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
      const made = cleanName(text);
      if (made !== '') expect([isRunName(made), cleanName(made)]).toEqual([true, made]);
      if (isRunName(text)) expect(made).toBe(text);
    }),
  );
});
