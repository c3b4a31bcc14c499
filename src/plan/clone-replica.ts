/** Another replica of a planned worker: the same process with another name, other ports, GPUs and log. */
import type { ProcessSpec } from './plan.ts';

/** A worker to add: like this one, under this name. */
export interface NewReplica {
  readonly name: string;
  readonly template: ProcessSpec;
}

/** What differs between two replicas of a worker. */
export interface ReplicaPlace {
  readonly name: string;
  /** With the same keys as those of the template. */
  readonly ports: ProcessSpec['ports'];
  /** As many as those of the template. */
  readonly gpus: readonly string[];
}

/** Flags and variables whose values contain ports: the number of a port elsewhere, as in `--context-length`, is none. */
const namesAPort = /port|endpoint|addr|url|host|config/i;

/** Whether it is planned from the profile or cloned, a replica is the same. Replicas of a component depend on the same processes. */
export function cloneReplica(template: ProcessSpec, place: ReplicaPlace): ProcessSpec {
  const { name, ports, gpus } = place;
  const renumber = renumbering({ ...template.ports }, { ...ports });
  const env = Object.entries(template.env).map(([variable, value]): [string, string] => {
    if (variable === 'DYNAMO_PROCESS') return [variable, name];
    if (variable === 'OTEL_SERVICE_NAME') return [variable, renamed(value, template.name, name)];
    // A container counts its own GPUs from 0.
    if (variable === 'CUDA_VISIBLE_DEVICES' && template.container === undefined)
      return [variable, gpus.join(',')];
    return [variable, namesAPort.test(variable) ? renumber(value) : value];
  });
  return {
    ...template,
    name,
    argv: template.argv.map((word, i) => (carriesPort(template.argv, i) ? renumber(word) : word)),
    ...(template.container === undefined ? {} : { container: { ...template.container, gpus } }),
    env: Object.fromEntries(env),
    ports,
    gpus,
    probe: { ...template.probe, url: renumber(template.probe.url) },
    logFile: template.logFile.replace(/[^/]*$/, `${name}.log`),
  };
}

/** Replaces ports wherever they stand as whole numbers. */
function renumbering(
  from: Readonly<Record<string, number>>,
  to: Readonly<Record<string, number>>,
): (text: string) => string {
  const byPort = new Map(
    Object.entries(from).map(([key, port]): [string, number] => [String(port), to[key] ?? port]),
  );
  return (text) =>
    text.replaceAll(/(?<![\w.])\d{4,5}(?![\w.])/g, (digits) => String(byPort.get(digits) ?? digits));
}

/** The same process where others have moved from some ports to other ones, such as etcd. */
export function withPortsOfOthers(
  spec: ProcessSpec,
  from: Readonly<Record<string, number>>,
  to: Readonly<Record<string, number>>,
): ProcessSpec {
  const renumber = renumbering(from, to);
  const env = Object.entries(spec.env).map(([name, value]): [string, string] => [
    name,
    namesAPort.test(name) ? renumber(value) : value,
  ]);
  return {
    ...spec,
    // An address says by itself that a port follows, as in `--initial-cluster default=http://127.0.0.1:12345`.
    argv: spec.argv.map((word, i) =>
      carriesPort(spec.argv, i) ? renumber(word) : word.replaceAll(/(?<=[\w\]]:)\d{4,5}/g, renumber),
    ),
    env: Object.fromEntries(env),
  };
}

function carriesPort(argv: readonly string[], index: number): boolean {
  const word = argv[index] ?? '';
  const flag =
    word.startsWith('--') && word.includes('=') ? word.slice(0, word.indexOf('=')) : argv[index - 1];
  return flag?.startsWith('--') === true && namesAPort.test(flag);
}

/** The name of its traces ends with that of the process. */
function renamed(value: string, from: string, to: string): string {
  return value.endsWith(from) ? value.slice(0, value.length - from.length) + to : value;
}
