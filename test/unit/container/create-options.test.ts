/** Container options from a plan: as upstream documents for its image, and etcd with ports on loopback. */
import { expect, test } from 'vitest';
import type { ContainerEntry } from '../../../src/base/identity.ts';
import { type ContainerProcess, createOptions } from '../../../src/container/create-options.ts';
import type { ContainerFacts } from '../../../src/plan/container.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { frontend, host, options, profileOf, worker } from '../../support/profile.ts';

const daemon = {
  address: 'unix:///run/docker.sock',
  because: 'Docker answers',
  version: '28.0.1',
  user: '1000:1000',
};
const runtimeImage = 'nvcr.io/nvidia/ai-dynamo/sglang-runtime:1.1.1';
const present = { present: true };
const containers: ContainerFacts = {
  daemon,
  images: { 'bitnamilegacy/etcd:3.6.1': present, 'nats:2.11.4': present, [runtimeImage]: present },
};
const gpu = { index: 3, uuid: 'GPU-3', name: 'H100', totalMiB: 80_000, usedMiB: 0, freeMiB: 80_000 };
const facts = host({
  environment: { HOME: '/home/me', HF_TOKEN: 'hf_secretsecretsecret', LANG: 'C' },
  gpus: [gpu],
  infra: { binaries: {}, external: {}, persistentFolder: '/state/infra', containers },
});
const profile = profileOf({ name: 'agg', components: { frontend, worker: worker('aggregated') } });
const entry: ContainerEntry = {
  runId: 'test-abcd',
  process: 'p',
  container: 'dynamo-test-abcd-p',
  launch: 'a-random-word',
  daemon: { address: daemon.address },
  logFile: '/log',
};

const asked = (plan: Plan, name: string) => {
  const spec = plan.processes.find(
    (each): each is ContainerProcess => each.name === name && 'container' in each,
  );
  if (spec === undefined) throw new Error(`no container for ${name}`);
  return createOptions(spec, entry, plan.runFolder, facts.environment);
};

test('etcd: data in a folder of the run, one port on loopback, limits, labels that prove ownership', () => {
  const plan = makePlan(profile, options({ infra: 'docker' }), facts);
  expect(plan.docker).toEqual({ address: daemon.address });
  const port = plan.processes.find(({ name }) => name === 'etcd')?.ports.client;
  const wanted = asked(plan, 'etcd');
  expect(wanted).toMatchObject({
    name: 'dynamo-test-abcd-p',
    Image: 'bitnamilegacy/etcd:3.6.1',
    User: '1000:1000',
    Labels: {
      'dynamo.run': 'test-abcd',
      'dynamo.process': 'p',
      'dynamo.folder': plan.runFolder,
      'dynamo.launch': 'a-random-word',
    },
    HostConfig: {
      AutoRemove: false,
      RestartPolicy: { Name: 'no' },
      NetworkMode: 'default',
      PortBindings: { [`${port}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: String(port) }] },
      Memory: 2 * 1024 ** 3,
      Mounts: [{ Type: 'bind', Source: `${plan.runFolder}/infra/etcd`, Target: '/data', ReadOnly: false }],
    },
  });
  expect(Object.keys(wanted.HostConfig.PortBindings)).toHaveLength(1);
  expect(wanted.Cmd).toContain(`--listen-client-urls=http://0.0.0.0:${port}`);
  expect(wanted.Cmd).toContain(`--advertise-client-urls=http://127.0.0.1:${port}`);
});

test("NATS: started by its image's entry point, with the file that holds the payload limit", () => {
  const plan = makePlan(profile, options({ infra: 'docker', events: 'nats' }), facts);
  const wanted = asked(plan, 'nats');
  expect(wanted.Cmd).toEqual(['--config', '/etc/dynamo.conf']);
  expect(wanted.HostConfig.Mounts).toContainEqual({
    Type: 'bind',
    Source: `${plan.runFolder}/nats.conf`,
    Target: '/etc/dynamo.conf',
    ReadOnly: true,
  });
  expect(plan.infra?.files).toEqual([
    { path: `${plan.runFolder}/nats.conf`, text: expect.stringContaining('listen: "0.0.0.0:') },
  ]);
});

test('a worker of the image of upstream: as documented there, with hub cache and token', () => {
  const plan = makePlan(profile, options({ engine: 'sglang', runtime: 'docker' }), facts);
  const wanted = asked(plan, 'worker');
  expect(wanted.Cmd.slice(0, 3)).toEqual(['python3', '-m', 'dynamo.sglang']);
  expect(wanted.Image).toBe(runtimeImage);
  expect(wanted.HostConfig).toMatchObject({
    NetworkMode: 'host',
    IpcMode: 'host',
    ShmSize: 10 * 1024 ** 3,
    Init: true,
    CapAdd: [],
    Ulimits: [
      { Name: 'memlock', Soft: -1, Hard: -1 },
      { Name: 'stack', Soft: 67_108_864, Hard: 67_108_864 },
      { Name: 'nofile', Soft: 65_536, Hard: 65_536 },
    ],
    DeviceRequests: [{ Driver: 'nvidia', DeviceIDs: ['3'], Capabilities: [['gpu']] }],
  });
  expect(wanted.HostConfig.Mounts).toContainEqual({
    Type: 'bind',
    Source: '/home/me/.cache/huggingface',
    Target: '/home/dynamo/.cache/huggingface',
    ReadOnly: false,
  });
  expect(wanted.Env).toContain('HF_TOKEN=hf_secretsecretsecret');
  // Inside, the only GPU is number 0.
  expect(wanted.Env).toContain('CUDA_VISIBLE_DEVICES=0');
  expect(wanted.Env.filter((each) => /^(LANG|PATH)=/.test(each))).toEqual([]);
  expect(JSON.stringify(plan)).not.toContain('hf_secret');
  expect(asked(plan, 'frontend').HostConfig.DeviceRequests).toEqual([]);
});

test('CAP_SYS_PTRACE only on request', () => {
  const plan = makePlan(profile, options({ engine: 'sglang', runtime: 'docker', ptrace: true }), facts);
  expect(asked(plan, 'worker').HostConfig.CapAdd).toEqual(['SYS_PTRACE']);
});

const onImage = (runtime: string) => ({
  ...options({ engine: 'sglang', runtime: 'docker' }),
  images: { runtime },
});

test('flags match the version in the tag, and an image without a version is refused', () => {
  const newer = makePlan(
    profile,
    onImage('reg.example:5000/sglang-runtime:1.4.2@sha256:0123456789ab'),
    facts,
  );
  expect(newer.choices.find(({ what }) => what === 'python')?.because).toContain('Dynamo 1.4.2');
  expect(() => makePlan(profile, onImage('sglang-runtime@sha256:0123456789ab'), facts)).toThrow(
    'The version of Dynamo in',
  );
});

const flagsOf = ({ processes }: Plan): readonly string[] => processes.flatMap(({ argv }) => argv.slice(1));

test('a build that is mounted into the image of SGLang: its own version, its interpreter, read-only', () => {
  const image = 'lmsysorg/sglang:v0.5.9';
  const folder = '/home/me/build/env';
  const python = {
    folder,
    python: `${folder}/bin/python3`,
    mounted: true as const,
    dynamoVersion: '1.6.1',
    backends: {},
    torchVersion: undefined,
    because: '--python, mounted into the image',
  };
  const infra = {
    binaries: {},
    external: {},
    persistentFolder: '/i',
    containers: { daemon, images: { [image]: present } },
  };
  const docker = options({ engine: 'sglang', runtime: 'docker', images: { runtime: image } });
  const plan = makePlan(profile, docker, { ...facts, infra, python });
  const wanted = asked(plan, 'worker');
  expect(wanted.Image).toBe(image);
  expect(wanted.Cmd.slice(0, 3)).toEqual([`${folder}/bin/python3`, '-m', 'dynamo.sglang']);
  expect(wanted.HostConfig.Mounts).toContainEqual({
    Type: 'bind',
    Source: folder,
    Target: folder,
    ReadOnly: true,
  });
  // As with the version in a tag: a flag that 1.1.1 does not have.
  const tagged = makePlan(
    profile,
    options({ engine: 'sglang', runtime: 'docker', images: { runtime: 'x:1.6.1' } }),
    {
      ...facts,
      infra: { ...infra, containers: { daemon, images: { 'x:1.6.1': present } } },
    },
  );
  expect(flagsOf(plan)).toEqual(flagsOf(tagged));
  expect(() => makePlan(profile, docker, { ...facts, infra, python: undefined })).toThrow(
    /version of Dynamo/,
  );
});

test('--runtime docker without a daemon exits with 69 and a fix', () => {
  const problem = { words: 'permission denied', fix: 'sudo x' };
  const without = host({
    infra: { binaries: {}, external: {}, persistentFolder: '', containers: { problem, images: {} } },
  });
  expect(() => makePlan(profile, options({ runtime: 'docker' }), without)).toThrow(
    expect.objectContaining({ exitCode: 69, hint: 'sudo x   # or: --runtime process' }),
  );
});

test('auto uses a container as the last resort and says why; an error says what Docker lacks', () => {
  const plan = makePlan(profile, options({ discovery: 'etcd' }), facts);
  expect(plan.choices.find(({ what }) => what === 'etcd')).toMatchObject({
    value: 'docker',
    because: expect.stringMatching(
      /^a container of bitnamilegacy\/etcd:3\.6\.1, which is here; .*no etcd on PATH/,
    ),
  });
  const problem = { words: 'it cannot be pulled', fix: 'docker pull x' };
  const images = { 'bitnamilegacy/etcd:3.6.1': { present: false, problem } };
  const without = host({ infra: { ...facts.infra, containers: { daemon, images } } });
  expect(() => makePlan(profile, options({ infra: 'docker' }), without)).toThrow(
    expect.objectContaining({
      exitCode: 69,
      hint: 'docker pull x   # or: --infra process',
      details: ['  docker: it cannot be pulled'],
    }),
  );
});

test('rootless Docker runs etcd, but not frontend and workers', () => {
  const rootless = { ...containers, daemon: { ...daemon, hostNetworkIsOwn: true as const } };
  const its = { ...facts, infra: { ...facts.infra, containers: rootless } };
  expect(makePlan(profile, options({ infra: 'docker' }), its).infra?.etcd?.from).toBe('docker');
  expect(() => makePlan(profile, options({ runtime: 'docker' }), its)).toThrow(/from the network and IPC/);
});
