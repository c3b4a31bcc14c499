/** Values that a plan sets itself are not secret, on any engine: only user values are hidden. */
import { expect, test } from 'vitest';
import { makePlan, planWithSecrets } from '../../../src/plan/make-plan.ts';
import { requireServing } from '../../../src/plan/plan.ts';
import { withSecrets } from '../../../src/plan/plan-secrets.ts';
import { shellScript } from '../../../src/plan/shell.ts';
import { host, options, pythonHost } from '../../support/profile.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';

const caller = {
  PATH: '/usr/bin',
  HOME: '/home/user',
  https_proxy: 'http://proxy:3128',
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4317',
};

test.each(await shippedNames())('%s shows everything on every engine', async (name) => {
  const profile = await shipped(name);
  const plans = [
    makePlan(profile, options({ engine: 'sim' }), host({ environment: caller })),
    makePlan(profile, options({ engine: 'sglang' }), pythonHost('1.4.2', 8, { environment: caller })),
  ];
  for (const { processes, secrets } of plans) {
    expect(secrets).toEqual([]);
    expect(processes.filter(({ hidden }) => hidden !== undefined)).toEqual([]);
  }
});

test('a password in the address of a collector is not in the plan', async () => {
  const environment = { ...caller, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://me:pw1@collector:4317' };
  const profile = await shipped('agg', 'tracing=true');
  const plan = makePlan(profile, options({ engine: 'sglang' }), pythonHost('1.4.2', 8, { environment }));
  expect(JSON.stringify(plan)).not.toContain('pw1');
});

test('a container gets its secrets from the script that starts it', async () => {
  const docker = {
    address: 'unix:///run/docker.sock',
    version: '28',
    because: 'it answers',
    user: '1000:1000',
  };
  const infra = {
    binaries: {},
    external: {},
    persistentFolder: '/k',
    containers: { daemon: docker, images: {} },
  };
  const given = options({ engine: 'sim', runtime: 'docker', env: { LICENCE: "it's" } });
  const { plan, secrets } = planWithSecrets(await shipped('agg'), given, host({ infra }));
  const script = shellScript(requireServing(plan));
  expect(script).toContain('--env LICENCE="$DYNAMO_SECRET_LICENCE"');
  expect(script).not.toContain("it's");
  const [frontend] = plan.processes.map((spec) => withSecrets(spec, secrets));
  expect(frontend?.env.LICENCE).toBe("it's");
  expect(frontend?.container?.passes).not.toContain('LICENCE');
});
