/** Where runs live on disk. */
import type { Environment } from '../base/environment.ts';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { xdgFolder } from '../base/xdg.ts';
import type { Plan } from '../plan/plan.ts';

export interface StateFolders {
  /** One folder a run. */
  readonly runs: string;
  /** One lock file a name of a live run. */
  readonly names: string;
  /** One lease file a planned port. */
  readonly ports: string;
  /** One lease file a GPU that a run uses. */
  readonly gpus: string;
  /** Data of etcd and NATS that outlive their run. */
  readonly infra: string;
  /**
   * Where sockets are of runs that do not say it in their record: those of older versions. Neither made nor looked at. A
   * short path whatever the state folder is, as the kernel takes 107 bytes.
   */
  readonly sockets: string;
}

/** What a command works on: the runs of this user, and the environment that says where they are. */
export interface Workspace {
  readonly environment: Environment;
  readonly folders: StateFolders;
}

/** Throws what `stateFolders` throws. */
export function workspaceOf(environment: Environment): Workspace {
  return { environment, folders: stateFolders(environment) };
}

/** `$XDG_STATE_HOME/dynamo`, or `~/.local/state/dynamo`. */
export function stateFolder(environment: Environment): string {
  return join(xdgFolder(environment, 'XDG_STATE_HOME') ?? join(homedir(), '.local', 'state'), 'dynamo');
}

/** Makes what is missing below the state folder. Throws `cannot-write` when the folders can't be made. */
export function stateFolders(environment: Environment): StateFolders {
  const folders = stateFolderPaths(environment);
  const { sockets: _, ...inState } = folders;
  for (const folder of Object.values(inState)) makePrivate(folder);
  return folders;
}

/** The same, and nothing is made or looked at. */
export function stateFolderPaths(environment: Environment): StateFolders {
  const state = stateFolder(environment);
  return {
    runs: join(state, 'runs'),
    names: join(state, 'names'),
    ports: join(state, 'ports'),
    gpus: join(state, 'gpus'),
    infra: join(state, 'infra'),
    sockets: join(runtimeFolder(environment) ?? sharedFolder, 'dynamo'),
  };
}

/** Files of one run. */
export interface RunFiles {
  readonly folder: string;
  readonly run: string;
  readonly plan: string;
  readonly ledger: string;
  readonly events: string;
  readonly logs: string;
  readonly supervisorLog: string;
  /** Claimed by the one process that ends what a dead supervisor left. */
  readonly reaper: string;
  /** Which process keeps the run now. */
  readonly keeper: string;
}

export function runFiles(folders: StateFolders, runId: string): RunFiles {
  const folder = join(folders.runs, runId);
  return {
    folder,
    run: join(folder, 'run.json'),
    plan: join(folder, 'plan.json'),
    ledger: join(folder, 'ledger.jsonl'),
    events: join(folder, 'events.jsonl'),
    logs: join(folder, 'logs'),
    supervisorLog: join(folder, 'supervisor.log'),
    reaper: join(folder, 'reaper'),
    keeper: join(folder, 'keeper.json'),
  };
}

/** The lock on data that outlive the run, where it uses some. No run can have this name. */
export function persistClaim(folders: StateFolders, { infra }: Plan): string | undefined {
  return infra?.persist === undefined ? undefined : join(folders.names, `persist.${infra.persist}`);
}

/** The kernel takes 107 bytes: a run with a long name has a socket with a short one. */
export function socketPath(folders: StateFolders, runId: string): string {
  const path = join(folders.sockets, `${runId}.sock`);
  if (Buffer.byteLength(path) <= 107) return path;
  return join(folders.sockets, `${createHash('sha256').update(runId).digest('hex').slice(0, 16)}.sock`);
}

/** Of a run: as it was written down when the run was prepared. */
export function socketOf(
  folders: StateFolders,
  run: { readonly runId: string; readonly socket?: string },
): string {
  return run.socket ?? socketPath(folders, run.runId);
}

const longestBase = 60;

/** `$XDG_RUNTIME_DIR`, unless a socket there would have too long a path. */
export function runtimeFolder(environment: Environment): string | undefined {
  const runtime = xdgFolder(environment, 'XDG_RUNTIME_DIR');
  return runtime !== undefined && Buffer.byteLength(runtime) <= longestBase ? runtime : undefined;
}

/** In a folder that anybody may write into. Not userInfo(): it fails for users without a name, as containers have them. */
export const sharedFolder = `/tmp/dynamo-${process.getuid?.() ?? 'user'}`;

/** Makes a folder of this user's alone. Throws `cannot-write` when it can't be made. */
export function makePrivate(folder: string): void {
  try {
    makeFolder(folder);
  } catch (cause) {
    throw new DynamoError('cannot-write', `The state folder ${folder} cannot be made: ${messageOf(cause)}.`, {
      cause,
      hint: 'export XDG_STATE_HOME=/a/folder/that/you/can/write',
    });
  }
}

/** Not `recursive`: Node 20 never comes back from that below /proc. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(folder) === folder || existsSync(dirname(folder))) throw error;
    makeFolder(dirname(folder));
    makeFolder(folder);
  }
}

/** `undefined` where we are not root, where it is root's, and where there is none yet. */
function foreignOwner(folder: string): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  try {
    const stat = lstatSync(folder);
    return stat.uid === 0 ? undefined : stat;
  } catch {
    return undefined; // none yet, or none can be: who makes it says why
  }
}

/**
 * For verbs about runs that are there: what they write would be root's, and lock the user out; and a link that the user
 * has put there would be followed with the rights of root. The user's rights are all that is needed to end the user's
 * processes. Cannot be taken back: for the process of a command alone.
 */
export function actAsOwner(environment: Environment): void {
  const owner = foreignOwner(stateFolder(environment));
  if (owner === undefined) return;
  try {
    process.setgroups?.([owner.gid]);
    process.setgid?.(owner.gid);
    process.setuid?.(owner.uid);
  } catch {
    // A container or a user namespace that knows no such user: root is all that there is.
  }
}

/** For what starts a run. Throws `not-allowed`. */
export function requireOwnState(environment: Environment): void {
  const folder = stateFolder(environment);
  const owner = foreignOwner(folder);
  if (owner === undefined) return;
  throw new DynamoError(
    'not-allowed',
    `The state folder ${folder} belongs to user ${owner.uid}: what root starts there, that user could not end.`,
    {
      hint: `sudo -u '#${owner.uid}' dynamo …   # or, for runs of root: export XDG_STATE_HOME=/root/.local/state`,
    },
  );
}

const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';

export function newRunId(name: string): string {
  const suffix = [...randomBytes(4)].map((byte) => alphabet[byte % alphabet.length]).join('');
  return `${name}-${suffix}`;
}
