/** A separate Podman service for a test file, with its own storage. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { answers, dockerApi, type DockerApi, fileSystem } from './docker-api.ts';
import { myTurn, requireTool, unmount } from './docker.ts';

export interface PodmanDaemon extends DockerApi {
  readonly socket: string;
  readonly env: Readonly<Record<string, string>>;
  /** Unless it answers: there is nothing to restart. */
  start(): Promise<void>;
  /** Stops it in order, and removes its folder. */
  end(): Promise<void>;
}

const readyMs = 60_000;

/** Waits for its turn, as two daemons at once would change the same firewall rules. */
export async function startPodman(): Promise<PodmanDaemon> {
  for (const tool of ['podman', 'iptables', 'tar', 'ldd']) requireTool(tool);
  const turn = await myTurn();
  const root = mkdtempSync('/tmp/podman-');
  const socket = join(root, 'podman.sock');
  const storage = [
    ['--root', join(root, 'storage')],
    ['--runroot', join(root, 'run')],
  ].flat();
  const service = spawn('podman', [...storage, 'system', 'service', '--time=0', `unix://${socket}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, CONTAINERS_CONF: settingsIn(root) },
  });
  const gone = new Promise((resolve) => service.once('exit', resolve));
  let log = '';
  service.stderr.setEncoding('utf8').on('data', (part: string) => (log = (log + part).slice(-4_000)));
  const end = Date.now() + readyMs;
  while (!(await answers(socket))) {
    if (service.exitCode !== null || Date.now() > end) throw new Error(`podman does not start: ${log}`);
    await delay(50);
  }
  return {
    ...dockerApi(socket),
    // Over the socket, 4.3.1 accepts no tag.
    makeImage: async (reference, files, changes) => {
      const name = `docker.io/${reference.includes('/') ? '' : 'library/'}${reference}`;
      const words = [...storage, 'import', ...changes.flatMap((change) => ['--change', change]), '-', name];
      execFileSync('podman', words, { input: fileSystem(files), stdio: ['pipe', 'ignore', 'pipe'] });
    },
    socket,
    env: { DOCKER_HOST: `unix://${socket}` },
    start: async () => {},
    end: async () => {
      service.kill('SIGTERM');
      await gone;
      unmount(root);
      rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
      turn.close();
    },
  };
}

/** Podman raises limits for every container, which not every test machine allows. */
function settingsIn(root: string): string {
  const runc = execFileSync('sh', ['-c', 'command -v runc'], { encoding: 'utf8' }).trim();
  const script = `#!${process.execPath}
const { readFileSync, writeFileSync } = require('node:fs');
const args = process.argv.slice(2);
const file = args.includes('--bundle') ? args[args.indexOf('--bundle') + 1] + '/config.json' : undefined;
if (file !== undefined) {
  const config = JSON.parse(readFileSync(file, 'utf8'));
  delete config.process.rlimits;
  writeFileSync(file, JSON.stringify(config));
}
process.exit(require('node:child_process').spawnSync('${runc}', args, { stdio: 'inherit' }).status ?? 1);
`;
  writeFileSync(join(root, 'runc'), script, { mode: 0o755 });
  const settings = join(root, 'containers.conf');
  const lines = [
    '[engine]',
    'cgroup_manager = "cgroupfs"',
    'events_logger = "file"',
    'runtime = "limited"',
    '[engine.runtimes]',
    `limited = ["${join(root, 'runc')}"]`,
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  return settings;
}
