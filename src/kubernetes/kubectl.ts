/** kubectl as a child process, which provides contexts, credential plugins, proxies and port-forward. Every call has a time limit. */
import type { Environment } from '../base/environment.ts';
import { type ChildProcess, spawn } from 'node:child_process';
import { quote } from '../base/terminal-text.ts';
import { findProgram, foldersOf } from '../host/program.ts';
import { DynamoError } from '../base/error.ts';
import { errorCode } from '../base/error-code.ts';

/** A cluster and a namespace. Without a context: the current one of the kubeconfig. */
export interface Place {
  readonly context?: string | undefined;
  readonly namespace: string;
  /** Value of KUBECONFIG; absent for the default file. */
  readonly kubeconfig?: string | undefined;
}

/** For the fields of errors. */
export function placeOf({ place: { context, namespace } }: Pick<Kubectl, 'place'>) {
  return { context, namespace };
}

export interface Call {
  /** For stdin: manifests and bodies of requests. */
  readonly input?: string | undefined;
  /** Time limit of the request; kubectl is killed a second later. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  /** 0 for success; 124 when it did not answer in time. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A kubectl that runs until it is ended: `logs -f`, `port-forward`. */
export interface Following {
  /** Exit code and the end of stderr. Never rejects. */
  readonly ended: Promise<{ readonly code: number; readonly stderr: string }>;
  end(): Promise<void>;
}

export interface Kubectl {
  readonly place: Place;
  /** Never rejects, except with the reason of `signal`. */
  run(words: readonly string[], call?: Call): Promise<Answer>;
  follow(words: readonly string[], onText: (text: string) => void): Following;
  /** The same as a command line to paste. `words` are written as given. */
  line(...words: readonly string[]): string;
  /** Likewise, without a namespace. */
  clusterLine(...words: readonly string[]): string;
}

/** A cluster on another continent answers within a second; one behind a closed VPN never does. */
export const answerWithinMs = 15_000;
const graceMs = 1_000;
const endWithinMs = 2_000;
const longestOutput = 64 * 1024 ** 2;
const keptOfStderr = 4_000;

/** Throws `environment` when there is no kubectl on PATH. */
export function createKubectl(place: Place, environment: Environment): Kubectl {
  const program = findKubectl(environment);
  const env = {
    ...environment,
    // Its messages are parsed.
    LC_ALL: 'C',
    ...(place.kubeconfig === undefined ? {} : { KUBECONFIG: place.kubeconfig }),
  };
  const context = place.context === undefined ? [] : ['--context', place.context];
  const common = [...context, '--namespace', place.namespace];
  return {
    place,
    run: async (words, call = {}) => await runToEnd(program, [...common, ...words], env, call),
    follow: (words, onText) => follow(program, [...common, ...words], env, onText),
    line: (...words) => ['kubectl', ...common.map(quote), ...words].join(' '),
    clusterLine: (...words) => ['kubectl', ...context.map(quote), ...words].join(' '),
  };
}

export function findKubectl(environment: Environment): string {
  const found = findProgram('kubectl', foldersOf(environment['PATH']));
  if (found !== undefined) return found;
  throw new DynamoError('environment', 'kubectl is not on PATH, and a cluster is reached through it alone.', {
    hint: 'https://kubernetes.io/docs/tasks/tools/   # how to install it',
  });
}

async function runToEnd(
  program: string,
  words: readonly string[],
  env: Environment,
  { input, timeoutMs = answerWithinMs, signal }: Call,
): Promise<Answer> {
  signal?.throwIfAborted();
  const seconds = `--request-timeout=${Math.ceil(timeoutMs / 1000)}s`;
  const child = start(program, [seconds, ...words], env, input === undefined ? 'ignore' : 'pipe');
  return await new Promise((resolve, reject) => {
    let [stdout, stderr] = ['', ''];
    let limit: NodeJS.Timeout | undefined;
    const settle = (act: () => void): void => {
      clearTimeout(limit);
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const onAbort = (): void => {
      signalTo(child, 'SIGKILL');
      settle(() => reject(signal?.reason as Error));
    };
    signal?.addEventListener('abort', onAbort);
    limit = setTimeout(() => {
      signalTo(child, 'SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      settle(() => resolve({ code: 124, stdout, stderr: `no answer within ${timeoutMs / 1000} s` }));
    }, timeoutMs + graceMs);
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      if (stdout.length < longestOutput) stdout += part;
    });
    child.stderr
      ?.setEncoding('utf8')
      .on('data', (part: string) => (stderr = (stderr + part).slice(-keptOfStderr)));
    child.once('error', (error) =>
      settle(() =>
        resolve({ code: 127, stdout, stderr: `${program}: ${errorCode(error) ?? error.message}` }),
      ),
    );
    child.once('close', (code) =>
      settle(() => resolve({ code: code ?? 128, stdout, stderr: withoutNoise(stderr) })),
    );
    child.stdin?.on('error', () => {}).end(input);
  });
}

/**
 * Ends kubectl even if this process is killed: the shell around it sees its stdin close. Otherwise a port-forward would
 * stay open.
 */
const tied = `exec 3<&0
"$@" </dev/null &
child=$!
{ cat <&3 >/dev/null; kill "$child" 2>/dev/null; } &
wait "$child"`;

function follow(
  program: string,
  words: readonly string[],
  env: Environment,
  onText: (text: string) => void,
): Following {
  const child = start('/bin/sh', ['-c', tied, 'kubectl', program, ...words], env, 'pipe');
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', onText);
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (part: string) => (stderr = (stderr + part).slice(-keptOfStderr)));
  child.stdin?.on('error', () => {});
  const ended = new Promise<{ code: number; stderr: string }>((resolve) => {
    child.once('error', (error) => resolve({ code: 127, stderr: error.message }));
    child.once('exit', (code) => {
      // The `cat` of the shell goes with this.
      child.stdin?.destroy();
      resolve({ code: code ?? 128, stderr: withoutNoise(stderr) });
    });
  });
  return {
    ended,
    end: async () => {
      signalTo(child, 'SIGTERM');
      const kill = setTimeout(() => signalTo(child, 'SIGKILL'), endWithinMs);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** In its own process group: Ctrl-C reaches only us, and its children end with it. */
function start(
  program: string,
  words: readonly string[],
  env: Environment,
  stdin: 'ignore' | 'pipe',
): ChildProcess {
  return spawn(program, words, { env, stdio: [stdin, 'pipe', 'pipe'], detached: true });
}

function signalTo(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

/** Removes warnings about different versions of client and server, and log lines of client-go. */
function withoutNoise(stderr: string): string {
  return stderr
    .split('\n')
    .filter((line) => !/^(WARNING|Warning): version difference|^[EIW]\d{4} /.test(line))
    .join('\n')
    .trim();
}
