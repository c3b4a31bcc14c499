/** What every step of `dynamo setup` uses: commands that leave nothing behind, one setup at a time, Ctrl-C. */
import type { Environment } from '../../base/environment.ts';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../base/clock.ts';
import { DynamoError } from '../../base/error.ts';
import { messageOf } from '../../base/error-code.ts';
import type { Identity } from '../../base/identity.ts';
import { isAlive, ownIdentity } from '../../process/identity.ts';
import { runCommand } from '../../process/run-command.ts';
import { dataFolders, type DataFolders, type StatFs } from '../../python/setup-folders.ts';
import { type Argv, installerEnvironment } from '../../python/installer-commands.ts';
import { adopt, type Claim, claim, livingHolder, unclaim, unknownHolder } from '../../run/claim.ts';
import type { Steps } from '../../view/steps.ts';
import { signalExitCode, watchSignals } from '../signals.ts';

export interface Ran {
  readonly succeeded: boolean;
  /** Its stdout and stderr. */
  readonly output: string;
}

export interface SetupHost {
  readonly environment: Environment;
  readonly folders: DataFolders;
  readonly steps: Steps;
  readonly statFs: StatFs;
  readonly clock: Clock;
  /** Aborts on the first signal. */
  readonly stop: AbortSignal;
  /** Rejects when `stop` aborts; then nothing of the command is left. `onLine` gets each line as it comes. */
  run(argv: Argv, logFile?: string, onLine?: (line: string) => void): Promise<Ran>;
}

const lockOwner = 'setup';

interface Bounds {
  readonly environment: Environment;
  readonly stop: AbortSignal;
  /** Aborts on the second signal. */
  readonly kill: AbortSignal;
  /** For temporary files of commands: installers that are killed leave theirs. Absent where no command writes any. */
  readonly temporary?: string;
}

/** `hold` gets the installer that is running, and `undefined` when it has ended. */
export function createSetupHost(
  steps: Steps,
  { environment, stop, kill, temporary }: Bounds,
  hold: (holder: Identity | undefined) => void,
): SetupHost {
  return {
    environment,
    folders: dataFolders(environment),
    steps,
    statFs: statfs,
    clock: systemClock,
    stop,
    run: async (argv, logFile, onLine = () => {}) => {
      const lines: string[] = [];
      const { code } = await runCommand({
        argv,
        // Not the user's working folder: settings of a project there must not apply.
        cwd: '/',
        environment: {
          ...installerEnvironment(environment),
          ...(temporary === undefined ? {} : { TMPDIR: temporary }),
        },
        clock: systemClock,
        stop,
        kill,
        onStart: hold,
        onLine: (line) => {
          lines.push(line);
          if (logFile !== undefined) appendFileSync(logFile, `${line}\n`);
          onLine(line);
        },
      }).finally(() => hold(undefined));
      return { succeeded: code === 0, output: lines.join('\n') };
    },
  };
}

/**
 * Runs `work` as the only setup of this user; a signal ends it and all that it started, and returns 128 + n.
 * Throws `busy` while another setup runs, or an installer that a killed setup left.
 */
export async function withSetupHost(
  steps: Steps,
  say: (line: string) => void,
  work: (host: SetupHost) => Promise<number>,
  environment: Environment,
): Promise<number> {
  const { data } = dataFolders(environment);
  makeFolder(data);
  const lock = join(data, 'setup.lock');
  const mine = takeLock(lock);
  const [stop, kill] = [new AbortController(), new AbortController()];
  const stopped = new Error('stopped by a signal');
  const watch = watchSignals(
    () => stop.abort(stopped),
    () => kill.abort(),
  );
  const temporary = join(data, 'tmp');
  makeFolder(temporary);
  // An installer holds the lock together with us, so that the lock holds when we are killed. Never instead of us: after its
  // end, another setup could take over the lock of a dead process.
  const hold = (worker: Identity | undefined): void =>
    adopt(lock, worker === undefined ? mine : { ...mine, worker });
  try {
    return await work(
      createSetupHost(steps, { environment, stop: stop.signal, kill: kill.signal, temporary }, hold),
    );
  } catch (error) {
    const signal = watch.first();
    if (signal === undefined || error !== stopped) throw error;
    say('stopped: nothing is left running; run the same command again to continue');
    return signalExitCode(signal);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
    unclaim(lock, mine, isAlive);
    watch.end();
  }
}

function takeLock(lock: string): Claim {
  const mine: Claim = { runId: lockOwner, holder: ownIdentity() };
  const standing = claim(lock, mine, isAlive);
  if (standing === undefined) return mine;
  if (standing.kind === 'unknown') throw unknownHolder('The lock of dynamo setup', standing);
  const { pid } = livingHolder(standing.claim, isAlive) ?? standing.claim.holder;
  throw new DynamoError('busy', `Another dynamo setup is running (pid ${pid}).`, {
    hint: `kill ${pid}   # or wait until it has ended`,
    fields: { pid },
  });
}

/** An empty log file for the commands of one setup. */
export function newLog({ folders }: SetupHost, name: string): string {
  makeFolder(folders.logs);
  const file = join(folders.logs, `${name}.log`);
  writeFileSync(file, '');
  return file;
}

export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new DynamoError('cannot-write', `The folder ${folder} cannot be created: ${messageOf(cause)}.`, {
      cause,
      hint: 'export XDG_DATA_HOME=/a/folder/that/you/can/write',
      fields: { file: folder },
    });
  }
}
