import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { deploy, generateInstances, listed } from './deployment.ts';
import { until } from './processes.ts';

// In a separate file, as it takes 10 s, the time to live of a registration, while other tests run.
test(
  'live processes remove files of dead ones; a suspended process does not return',
  { timeout: 30_000 },
  async () => {
    const { url, workers, env } = await deploy([[], []]);
    const [dead, stopped] = workers;
    dead?.child.kill('SIGKILL');
    stopped?.child.kill('SIGSTOP');
    await until('both have expired', async () => (await generateInstances(url)) === 0, 16_000);
    expect(await listed(url)).toEqual([]);
    stopped?.child.kill('SIGCONT');
    await until('it notices', () => stopped?.log().includes('keep_alive failed opening owned file'));
    expect((await fetch(`${stopped?.status}/health`)).status).toBe(200);
    expect(readdirSync(join(env['DYN_FILE_KV'] ?? '', 'v1', 'instances'))).toEqual([]);
    stopped?.child.kill('SIGTERM');
    expect(await stopped?.exit).toMatchObject({ code: 0 });
  },
);
