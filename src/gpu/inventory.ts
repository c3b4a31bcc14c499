/** The NVIDIA GPUs of this host, as nvidia-smi reports them. */
import type { Environment } from '../base/environment.ts';
import type { Gpu } from '../plan/request.ts';
import {
  askNvidiaSmi,
  findNvidiaSmi,
  longestMs,
  numberIn,
  type NvidiaSmi,
  reasonIn,
  textIn,
} from './nvidia-smi.ts';

/** What decides, besides memory, whether a GPU can be used. Fields that nvidia-smi does not report are absent. */
export interface GpuDetails extends Gpu {
  /** `Default`, `Exclusive_Process`, `Prohibited`. */
  readonly computeMode?: string;
  readonly driver?: string;
  /** Uncorrected memory errors since the driver was loaded. */
  readonly eccErrors?: number;
  /** What the driver requires after a fault (an Xid): `Reset`, `Reboot`, `Drain P2P`; absent if all is well. */
  readonly recovery?: string;
  /** On the PCI bus, as nvidia-smi writes it: `00000000:3B:00.0`. */
  readonly busId?: string;
}

interface Inventory {
  readonly gpus: readonly GpuDetails[];
  /** Why the list may be wrong, or empty although there is a GPU. */
  readonly problem?: string;
  /** The same without its first words: `did not answer within 5 s`. */
  readonly failure?: string;
  /** The problem is that it does not answer. */
  readonly hangs?: true;
  /** What could not be read about listed GPUs, in words. */
  readonly notes: readonly string[];
}

const fields = [
  'index',
  'uuid',
  'name',
  'memory.total',
  'memory.used',
  'memory.free',
  'mig.mode.current',
  'compute_mode',
  'driver_version',
  'ecc.errors.uncorrected.volatile.total',
  'gpu_recovery_action',
  'pci.bus_id',
] as const;
type Field = (typeof fields)[number];
/** A row is useless without these. */
const needed: readonly Field[] = ['index', 'uuid', 'name', 'memory.total', 'memory.used'];

/** Returns immediately on a host without nvidia-smi. Never throws. */
export async function inventory(environment: Environment, timeoutMs = longestMs): Promise<Inventory> {
  const command = findNvidiaSmi(environment);
  if (command === undefined) return { gpus: [], notes: [] };
  const smi = { command, environment, timeoutMs };
  const { rows, failure, hangs } = await queryGpus(smi);
  const gpus = rows.flatMap((row) => gpuOf(row) ?? []);
  const whole = gpus.filter(({ index }) => !isDivided(rows, index));
  const divided = gpus.filter((gpu) => !whole.includes(gpu));
  const instances = divided.length === 0 ? [] : await migInstances(smi, divided);
  return {
    gpus: [...whole, ...instances].toSorted((a, b) => a.index - b.index),
    ...(failure === undefined ? {} : { problem: `nvidia-smi is here but ${failure}`, failure }),
    ...(hangs === undefined ? {} : { hangs }),
    notes: [...rows.flatMap(noteOf), ...divided.flatMap((gpu) => emptyNote(gpu, instances))],
  };
}

type Row = Partial<Record<Field, string>>;

/** Older drivers know fewer fields, and reject the whole query: it is repeated without the field that they name. */
async function queryGpus(smi: NvidiaSmi): Promise<{ rows: Row[]; failure?: string; hangs?: true }> {
  let asked: readonly Field[] = fields;
  for (;;) {
    const query = [`--query-gpu=${asked.join(',')}`, '--format=csv,noheader,nounits'];
    const { stdout, failure, hangs } = await askNvidiaSmi(smi, query);
    const unknown = /Field "([^"]+)" is not a valid field/.exec(stdout)?.[1];
    const left = asked.filter((field) => field !== unknown || needed.includes(field));
    if (left.length < asked.length) asked = left;
    else {
      const rows = parseRows(stdout, asked);
      return { rows, ...trouble(stdout, failure, asked), ...(hangs === undefined ? {} : { hangs }) };
    }
  }
}

/** A GPU that has fallen off the bus appears as a line among the rows, sometimes with status 0. */
function trouble(stdout: string, failure: string | undefined, asked: readonly Field[]): { failure?: string } {
  const lost = /^.*Unable to determine the device handle.*$/m.exec(stdout)?.[0];
  const strange = stdout.split('\n').find((line) => isStrange(line, asked));
  const seen =
    lost !== undefined
      ? `cannot reach a GPU: ${lost.trim()}`
      : (failure ?? (strange === undefined ? undefined : `prints a row without an index: ${strange.trim()}`));
  return seen === undefined ? {} : { failure: seen };
}

/** Other lines (warnings, "No devices were found") are skipped. */
export function parseRows(csv: string, asked: readonly Field[] = fields): Row[] {
  return csv.split('\n').flatMap((line): Row[] => {
    const cells = cellsOf(line);
    const row: Row = Object.fromEntries(asked.map((field, i) => [field, cells[i] ?? '']));
    return cells.length >= needed.length && /^\d+$/.test(row.index ?? '') ? [row] : [];
  });
}

function cellsOf(line: string): string[] {
  return line.split(',').map((cell) => cell.trim());
}

/** A line with as many cells as a row that is neither a row nor the heading. */
function isStrange(line: string, asked: readonly Field[]): boolean {
  const [index = '', ...others] = cellsOf(line);
  return others.length === asked.length - 1 && !/^(\d+|index)$/.test(index);
}

/**
 * On Jetson, UUIDs have no prefix, and GPUs share the host's memory, which nvidia-smi does not report. A GPU without a UUID is
 * identified by its index, so that it can be leased.
 */
export function gpuOf(row: Row): GpuDetails {
  const { totalMiB, usedMiB, freeMiB } = memoryOf(row);
  const eccErrors = numberIn(row['ecc.errors.uncorrected.volatile.total']);
  const [computeMode, driver, recovery, busId] = [
    textIn(row.compute_mode),
    textIn(row.driver_version),
    textIn(row.gpu_recovery_action),
    textIn(row['pci.bus_id']),
  ];
  return {
    index: Number(row.index),
    uuid: textIn(row.uuid) ?? `index-${row.index}`,
    name: textIn(row.name) ?? 'NVIDIA GPU',
    totalMiB,
    usedMiB,
    ...(freeMiB === undefined ? {} : { freeMiB }),
    ...(computeMode === undefined ? {} : { computeMode }),
    ...(driver === undefined ? {} : { driver }),
    ...(eccErrors === undefined ? {} : { eccErrors }),
    ...(recovery === undefined || recovery === 'None' ? {} : { recovery }),
    ...(busId === undefined ? {} : { busId }),
  };
}

/** If the free memory is unknown, the total is 0: no memory is known to be free. */
function memoryOf(row: Row): Pick<Gpu, 'totalMiB' | 'usedMiB' | 'freeMiB'> {
  const [used, freeMiB] = [numberIn(row['memory.used']), numberIn(row['memory.free'])];
  const total = numberIn(row['memory.total']) ?? (freeMiB === undefined ? undefined : freeMiB + (used ?? 0));
  const free = freeMiB === undefined ? {} : { freeMiB };
  if (total !== undefined && (used !== undefined || freeMiB !== undefined))
    return { totalMiB: total, usedMiB: used ?? total - (freeMiB ?? 0), ...free };
  return { totalMiB: 0, usedMiB: used ?? 0, ...free };
}

function noteOf(row: Row): string[] {
  const notes = textIn(row.uuid) === undefined ? [`nvidia-smi reports no UUID for GPU ${row.index}`] : [];
  const unread = [row['memory.total'], row['memory.used']].find((cell) => numberIn(cell) === undefined);
  if (unread === undefined || isMig(row)) return notes;
  return [
    ...notes,
    `nvidia-smi does not report the memory of GPU ${row.index}: ${(reasonIn(unread) ?? unread) || 'no value'}`,
  ];
}

/** Such a GPU is unusable, and nothing else says so. */
function emptyNote({ index, uuid }: GpuDetails, instances: readonly GpuDetails[]): string[] {
  return instances.some(({ migOf }) => migOf === uuid)
    ? []
    : [`GPU ${index} is in MIG mode, but nvidia-smi lists no instance of it`];
}

function isMig(row: Row): boolean {
  return row['mig.mode.current'] === 'Enabled';
}

function isDivided(rows: readonly Row[], index: number): boolean {
  return rows.some((row) => Number(row.index) === index && isMig(row));
}

/** A GPU in MIG mode cannot be used as a whole; its instances are only known by UUID. */
async function migInstances(smi: NvidiaSmi, gpus: readonly GpuDetails[]): Promise<GpuDetails[]> {
  const { stdout } = await askNvidiaSmi(smi, ['-L']);
  return parseMigInstances(stdout).flatMap(({ gpu, uuid, profile, totalMiB }): GpuDetails[] => {
    const parent = gpus.find(({ index }) => index === gpu);
    if (parent === undefined) return [];
    const { freeMiB: _free, ...rest } = parent;
    return [
      { ...rest, uuid, name: `${parent.name} MIG ${profile}`, totalMiB, usedMiB: 0, migOf: parent.uuid },
    ];
  });
}

interface MigInstance {
  /** Index of the GPU that it belongs to. */
  readonly gpu: number;
  readonly uuid: string;
  /** As in `1g.5gb`. */
  readonly profile: string;
  readonly totalMiB: number;
}

export function parseMigInstances(list: string): MigInstance[] {
  let gpu = -1;
  return list.split('\n').flatMap((line): MigInstance[] => {
    const heading = /^GPU (\d+):/.exec(line)?.[1];
    if (heading !== undefined) gpu = Number(heading);
    const instance = /^\s+MIG (\S+)\s+Device\s+\d+:\s+\(UUID: (MIG-[^)]+)\)/.exec(line);
    if (instance === null || gpu < 0) return [];
    const [, profile = '', uuid = ''] = instance;
    return [{ gpu, uuid, profile, totalMiB: sizeOf(profile) }];
  });
}

/** A profile name ends with its memory in GB, rounded up: the real size is smaller. */
function sizeOf(profile: string): number {
  const gigabytes = /(\d+)gb/.exec(profile)?.[1];
  return gigabytes === undefined ? 0 : Number(gigabytes) * 1024;
}
