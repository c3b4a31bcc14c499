/** Where runs are stored on disk, and whose state folder it is. */
import type { Environment } from '../base/environment.ts';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { xdgFolder } from '../base/xdg.ts';
import type { Plan } from '../plan/plan.ts';

export interface StateFolders {
  /** One folder per run. */
  readonly runs: string;
  /** One lock file per name of a live run. */
  readonly names: string;
  /** One lease file per planned port. */
  readonly ports: string;
  /** One lease file per GPU that a run uses. */
  readonly gpus: string;
  /** Data of etcd and NATS that outlive their run. */
  readonly infra: string;
  /**
   * Where the sockets of older versions are, which do not record their path. Neither created nor checked. A short path,
   * whatever the state folder is, because the kernel allows at most 107 bytes.
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

/** Creates what is missing below the state folder. Throws `cannot-write` if the folders cannot be created. */
export function stateFolders(environment: Environment): StateFolders {
  const folders = stateFolderPaths(environment);
  const { sockets: _, ...inState } = folders;
  for (const folder of Object.values(inState)) makePrivate(folder);
  return folders;
}

/** The paths only: nothing is created or checked. */
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
  /** Claimed by the one process that stops what a dead supervisor left. */
  readonly reaper: string;
  /** The current keeper process of the run. */
  readonly keeper: string;
}

export function runFiles(folders: StateFolders, runId: string): RunFiles {
  const folder = join(folders.runs, runId);
  // Not `join`: for hundreds of runs, it takes a quarter of the time of reading their records.
  const within = (name: string): string => `${folder}/${name}`;
  return {
    folder,
    run: within('run.json'),
    plan: within('plan.json'),
    ledger: within('ledger.jsonl'),
    events: within('events.jsonl'),
    logs: within('logs'),
    supervisorLog: within('supervisor.log'),
    reaper: within('reaper'),
    keeper: within('keeper.json'),
  };
}

/** The lock on data that outlive the run, if it uses any. No run can have this name. */
export function persistClaim(folders: StateFolders, { infra }: Plan): string | undefined {
  return infra?.persist === undefined ? undefined : join(folders.names, `persist.${infra.persist}`);
}

/** The kernel allows 107 bytes: a run with a long name gets a socket with a short one. */
export function socketPath(folders: StateFolders, runId: string): string {
  const path = join(folders.sockets, `${runId}.sock`);
  if (Buffer.byteLength(path) <= 107) return path;
  return join(folders.sockets, `${createHash('sha256').update(runId).digest('hex').slice(0, 16)}.sock`);
}

/** The socket of a run, as recorded when the run was prepared. */
export function socketOf(
  folders: StateFolders,
  run: { readonly runId: string; readonly socket?: string },
): string {
  return run.socket ?? socketPath(folders, run.runId);
}

const longestBase = 60;

/** `$XDG_RUNTIME_DIR`, unless the path of a socket there would be too long. */
export function runtimeFolder(environment: Environment): string | undefined {
  const runtime = xdgFolder(environment, 'XDG_RUNTIME_DIR');
  return runtime !== undefined && Buffer.byteLength(runtime) <= longestBase ? runtime : undefined;
}

/** In a folder that every user may write to. Not userInfo(): it fails for users without a name, which containers have. */
export const sharedFolder = `/tmp/dynamo-${process.getuid?.() ?? 'user'}`;

/** Creates a folder that only this user can access. Throws `cannot-write` if that fails. */
export function makePrivate(folder: string): void {
  try {
    makeFolder(folder);
  } catch (cause) {
    throw new DynamoError(
      'cannot-write',
      `The state folder ${folder} cannot be created: ${messageOf(cause)}.`,
      {
        cause,
        hint: 'export XDG_STATE_HOME=/a/folder/that/you/can/write',
        fields: { file: folder },
      },
    );
  }
}

/** Not `recursive`: Node 20 never returns from that below /proc. */
function makeFolder(folder: string, isLastAttempt = false): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return;
    const parent = dirname(folder);
    if (code !== 'ENOENT' || isLastAttempt || parent === folder) throw error;
    // Another process may have made the parent since. Below /proc it exists as well, but nothing can be made in it.
    if (!existsSync(parent)) makeFolder(parent);
    makeFolder(folder, true);
  }
}

/** `undefined` if we are not root, if the folder belongs to root, or if it does not exist yet. */
function foreignOwner(folder: string): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  try {
    const stat = lstatSync(folder);
    return stat.uid === 0 ? undefined : stat;
  } catch {
    return undefined; // It does not exist yet, or cannot: creating it will say why.
  }
}

/**
 * Root in the state folder of another user, as with `sudo -E`: acts as that user. For verbs about existing runs. Otherwise
 * their files would belong to root and lock the user out, and a link in the folder would be followed with root's rights. The
 * user's rights are enough to stop the user's processes. Irreversible: only for the process of a command.
 */
export function actAsOwner(environment: Environment): void {
  const owner = foreignOwner(stateFolder(environment));
  if (owner === undefined) return;
  try {
    process.setgroups?.([owner.gid]);
    process.setgid?.(owner.gid);
    process.setuid?.(owner.uid);
  } catch {
    // A container or a user namespace without that user: stay root.
  }
}

/** For verbs that start a run. Throws `not-allowed`. */
export function requireOwnState(environment: Environment): void {
  const folder = stateFolder(environment);
  const owner = foreignOwner(folder);
  if (owner === undefined) return;
  throw new DynamoError(
    'not-allowed',
    `The state folder ${folder} belongs to user ${owner.uid}, who could not stop what root starts there.`,
    {
      hint: `sudo -u '#${owner.uid}' dynamo …   # or, for runs of root: export XDG_STATE_HOME=/root/.local/state`,
      fields: { file: folder, holder: `user ${owner.uid}` },
    },
  );
}

const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';

export function newRunId(name: string): string {
  const suffix = Array.from({ length: 4 }, () => alphabet[Math.floor(Math.random() * alphabet.length)]).join(
    '',
  );
  return `${name}-${suffix}`;
}
