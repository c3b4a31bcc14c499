/** The options that `up`, `plan`, `smoke`, `doctor` and `exec` share, and what they mean for profile and plan. */
import { type Command, Option } from 'commander';
import { DynamoError } from '../../base/error.ts';
import { engineNames } from '../../engine/engines.ts';
import { listenAddress } from '../../host/listen-address.ts';
import { decimalSeconds, longestSeconds, wholeNumber } from '../flag-values.ts';
import { conceal, hiddenMark } from '../../base/secrets.ts';
import { imageNames, type Images } from '../../plan/container.ts';
import { badRunName, isRunName } from '../../plan/run-name.ts';
import type { PlanOptions } from '../../plan/request.ts';
import { plannerTargets } from '../../profile/planner-bounds.ts';
import type { Setting } from '../../profile/shown.ts';

export interface DeploymentFlags {
  readonly engine: PlanOptions['engine'];
  readonly infra: PlanOptions['infra'];
  readonly python?: string;
  readonly model?: string;
  readonly gpus?: string[];
  readonly httpPort?: number;
  readonly httpHost?: string;
  readonly runtime?: 'process' | 'docker';
  readonly ptrace?: true;
  readonly image: Images;
  readonly discovery?: 'etcd' | 'file';
  readonly events?: 'nats' | 'zmq' | 'none';
  readonly requestPlane?: 'tcp' | 'nats';
  readonly persist?: string;
  readonly set: readonly Setting[];
  readonly replicas: Readonly<Record<string, number>>;
  readonly observe?: true;
  readonly grafana?: true;
  readonly planner?: PlanOptions['planner'];
  readonly env: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly stopTimeout?: number;
  readonly logLimit?: number;
  readonly name?: string;
}

export function addDeploymentOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--engine <engine>', 'engine that runs the model')
        .choices(['auto', ...engineNames])
        .default('auto'),
    )
    .option(
      '--python <environment>',
      'environment with Dynamo (folder or python3); default: DYNAMO_PYTHON, the active one, that of dynamo setup',
    )
    .option('--model <model>', 'Hugging Face id or local folder')
    .option('--gpus <list>', 'GPUs that may be used: indices or UUIDs', list('--gpus'))
    .option(
      '--http-port <port>',
      'port of the HTTP API; default: 8000, or the next free one',
      port('--http-port'),
    )
    .option('--http-host <address>', 'address that the HTTP API listens on; default: loopback only', address)
    .addOption(
      new Option('--infra <how>', 'where etcd and NATS come from')
        .choices(['auto', 'process', 'docker', 'external', 'none'])
        .default('auto'),
    )
    .addOption(
      new Option(
        '--runtime <how>',
        'where frontend and workers run; default: as processes on this host',
      ).choices(['process', 'docker']),
    )
    .option('--ptrace', 'with --runtime docker: allow debuggers in the containers (CAP_SYS_PTRACE)')
    .option(
      '--image <[name=]reference>',
      `image of ${imageNames.join(', ')}, with a tag or digest (repeatable); default: runtime`,
      image,
      {},
    )
    .addOption(new Option('--discovery <backend>', 'how processes find each other').choices(['etcd', 'file']))
    .addOption(new Option('--events <plane>', 'how KV events are sent').choices(['nats', 'zmq', 'none']))
    .addOption(
      new Option('--request-plane <plane>', 'how requests are sent; default: tcp').choices(['tcp', 'nats']),
    )
    .option('--persist <name>', 'keep the data of etcd and NATS under this name', dataName)
    .option('--set <path=value>', 'set a parameter or any other key of the profile (repeatable)', setting, [])
    .option('--replicas <role=n>', 'number of workers of a role, such as decode=2 (repeatable)', replicas, {})
    .option('--env <KEY=VALUE>', 'environment variable for every process (repeatable)', variable, {})
    .option('--env-file <file>', 'read variables from this file instead of .env (repeatable)')
    .option('--observe', 'start a Prometheus and a receiver of traces beside it, for every process')
    .option('--grafana', 'the same, and Grafana and Tempo in containers')
    .addOption(
      new Option(
        '--planner [target]',
        "let NVIDIA's planner change the number of workers; default: the target of the profile, or throughput",
      ).choices(plannerTargets),
    )
    .option('--timeout <seconds>', 'time limit for becoming ready', seconds('--timeout'))
    .option('--stop-timeout <seconds>', 'time limit for stopping, then SIGKILL', seconds('--stop-timeout'))
    .option(
      '--log-limit <MiB>',
      'disk space for the logs of the run; default: 1024',
      mebibytes('--log-limit'),
    )
    .option('--name <name>', 'name of the run; default: the profile', runName);
}

/** `--model` and `--request-plane` are settings, too; they come first, so that --set wins. */
export function settingsOf({ model, requestPlane, set }: DeploymentFlags): Setting[] {
  return [
    ...(model === undefined ? [] : [{ path: 'model', value: model, flag: '--model' }]),
    ...(requestPlane === undefined
      ? []
      : [{ path: 'requestPlane', value: requestPlane, flag: '--request-plane' }]),
    ...set,
  ];
}

export function planOptionsOf(
  flags: DeploymentFlags,
  rawArgs: readonly string[],
  detached: boolean,
): PlanOptions {
  return {
    engine: flags.engine,
    infra: flags.infra,
    runtime: flags.runtime,
    ptrace: flags.ptrace,
    images: flags.image,
    python: flags.python,
    name: flags.name,
    gpus: flags.gpus,
    httpHost: flags.httpHost,
    httpPort: flags.httpPort,
    discovery: flags.discovery,
    events: flags.events,
    persist: flags.persist,
    replicas: flags.replicas,
    observe: flags.observe ?? flags.grafana,
    grafana: flags.grafana,
    planner: flags.planner,
    env: flags.env,
    timeoutMs: flags.timeout === undefined ? undefined : flags.timeout * 1000,
    stopTimeoutMs: flags.stopTimeout === undefined ? undefined : flags.stopTimeout * 1000,
    logLimitMiB: flags.logLimit,
    rawArgs,
    detached,
  };
}

/** Refuses the value of an option; what it shows is concealed. */
export function badValue(flag: string, seen: string, wanted: string, hint = 'dynamo up --help'): DynamoError {
  return new DynamoError('usage', `${flag} ${JSON.stringify(conceal(seen))}: ${wanted}.`, {
    hint,
    fields: { option: flag, asked: conceal(seen) },
  });
}

function pair(flag: string, text: string, wanted = 'expected KEY=VALUE'): [key: string, value: string] {
  const at = text.indexOf('=');
  if (at < 1) throw badValue(flag, text, wanted);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Parses one value of --image and adds it to those before it. */
export function image(text: string, before: Images): Images {
  const [name, reference] = text.includes('=') ? pair('--image', text) : ['runtime', text];
  const known = imageNames.find((each) => each === name);
  if (known === undefined)
    throw badValue('--image', text, `expected one of ${imageNames.join(', ')} before =`);
  if (!/^[\w./:@-]+$/.test(reference))
    throw badValue('--image', text, 'expected an image such as nats:2.11.4');
  return { ...before, [known]: reference };
}

function setting(text: string, before: readonly Setting[]): Setting[] {
  const [path, value] = pair('--set', text);
  return [...before, { path, value, flag: '--set' }];
}

function replicas(text: string, before: Readonly<Record<string, number>>): Record<string, number> {
  if (wholeNumber(text, 1) !== undefined) {
    const hint = `--replicas worker=${text}   # or prefill=${text}, decode=${text}: dynamo plan shows the roles`;
    throw badValue('--replicas', text, 'of which role? Expected ROLE=NUMBER', hint);
  }
  const [role, value] = pair('--replicas', text, 'expected ROLE=NUMBER, such as decode=2');
  const count = wholeNumber(value, 1, 10_000);
  if (count === undefined) throw badValue('--replicas', text, 'expected a number from 1 to 10000');
  return { ...before, [role]: count };
}

function variable(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const [, name = '', value] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (value !== undefined && /^[A-Za-z_]\w*$/.test(name)) return { ...before, [name]: value };
  // The value may be a secret, and so may a word without =.
  throw badValue(
    '--env',
    value === undefined ? conceal(text) : `${name}=${hiddenMark}`,
    'expected KEY=VALUE',
  );
}

function port(flag: string): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text, 1, 65_535);
    if (value === undefined) throw badValue(flag, text, 'expected a port from 1 to 65535');
    return value;
  };
}

function address(text: string): string {
  const value = listenAddress(text);
  if (value === undefined)
    throw badValue(
      '--http-host',
      text,
      'expected an address or a host name, such as 127.0.0.1, ::1 or localhost',
    );
  return value;
}

function mebibytes(flag: string): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text, 1, 1024 ** 3);
    if (value === undefined) throw badValue(flag, text, 'expected a whole number of MiB');
    return value;
  };
}

/** Parses a number of seconds, also with a fraction. */
export function seconds(flag: string): (text: string) => number {
  return (text) => {
    const value = decimalSeconds(text);
    if (value === undefined)
      throw badValue(flag, text, `expected a number of seconds up to ${longestSeconds}`);
    return value;
  };
}

function list(flag: string): (text: string) => string[] {
  return (text) => {
    const items = text.split(',').map((item) => item.trim());
    if (items.includes('')) throw badValue(flag, text, 'expected a list such as 0,1');
    return items;
  };
}

function runName(text: string): string {
  return shortName('--name', text);
}

/** Parses the value of --persist, which becomes a folder's name. */
export function dataName(text: string): string {
  return shortName('--persist', text);
}

function shortName(flag: string, text: string): string {
  if (isRunName(text)) return text;
  throw badRunName(flag, text);
}
