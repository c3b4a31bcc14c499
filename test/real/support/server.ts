/** Starts an external server for one test: in its own folder, on free ports, and ended afterwards. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { remember, until } from '../../integration/sim/processes.ts';

export interface Server {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly log: () => string;
  /** Kills it and waits for its exit. */
  kill(): Promise<void>;
}

/** By default, tests the binary on PATH. `REAL_ETCD=/a/etcd:/b/etcd` tests several. */
export function binaries(name: 'etcd' | 'nats-server'): string[] {
  const given = process.env[name === 'etcd' ? 'REAL_ETCD' : 'REAL_NATS'];
  const found = given?.split(':').filter(Boolean) ?? [name];
  for (const binary of found) {
    try {
      execFileSync(binary, ['--version'], { stdio: 'ignore' });
    } catch (error) {
      throw new Error(`${binary} does not run: apt-get install -y etcd-server nats-server`, { cause: error });
    }
  }
  return found;
}

export async function startServer(
  binary: string,
  argv: readonly string[],
  readyUrl: string,
): Promise<Server> {
  const child = spawn(binary, argv, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const pid = child.pid ?? 0;
  remember(pid);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part) => (text += String(part)));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  try {
    await until(`${binary} is ready`, async () => (await fetch(readyUrl)).ok, 20_000);
  } catch (error) {
    throw new Error(text.slice(-2_000), { cause: error });
  }
  return { pid, child, log: () => text, kill };
}
