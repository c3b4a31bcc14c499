/** What dead runs and commands left in the state folders: claims whose holder is dead, sockets that nobody serves. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { errorCode } from '../base/error-code.ts';
import type { IsAlive } from '../base/identity.ts';
import { type Claim, claim, readClaim, unclaim } from './claim.ts';
import type { StateFolders } from './folders.ts';

export interface StaleFile {
  readonly kind: 'lock' | 'lease' | 'draft' | 'socket';
  readonly file: string;
  readonly proof: string;
}

export function staleClaims({ names, ports, gpus }: StateFolders, isAlive: IsAlive): StaleFile[] {
  const places = [
    { folder: names, kind: 'lock' },
    { folder: ports, kind: 'lease' },
    { folder: gpus, kind: 'lease' },
  ] as const;
  return places.flatMap(({ folder, kind }) =>
    readdirSync(folder).flatMap((name): StaleFile[] => {
      const file = join(folder, name);
      const writer = /\.(\d+)\.draft$/.exec(name)?.[1];
      if (writer !== undefined) {
        const proof = `pid ${writer}, which wrote it, is dead`;
        return existsSync(`/proc/${writer}`) ? [] : [{ kind: 'draft', file, proof }];
      }
      const standing = readClaim(file);
      // Given up since the folder was read, or alive.
      if (standing === undefined ? !existsSync(file) : isAlive(standing.holder)) return [];
      return [{ kind, file, proof: deathOf(standing) }];
    }),
  );
}

function deathOf(standing: Claim | undefined): string {
  if (standing === undefined) return 'it names no process';
  return `its holder, pid ${standing.holder.pid} of run ${standing.runId}, is dead`;
}

/** In the folder that only this user can enter. */
export async function staleSockets({ sockets }: StateFolders): Promise<StaleFile[]> {
  const files = readdirSync(sockets)
    .filter((name) => name.endsWith('.sock'))
    .map((name) => join(sockets, name));
  const refused = await Promise.all(files.map(isRefused));
  return files
    .filter((_, i) => refused[i])
    .map((file) => ({ kind: 'socket', file, proof: 'nobody listens on it' }));
}

/** Takes a dead claim over before removing it, as another command may be doing right now. `mine`: of this process. */
export function removeStale({ kind, file }: StaleFile, mine: Claim, isAlive: IsAlive): void {
  if (kind === 'draft' || kind === 'socket') return rmSync(file, { force: true });
  if (claim(file, mine, isAlive) === undefined) unclaim(file, mine, isAlive);
}

async function isRefused(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    const settle = (refused: boolean): void => {
      socket.destroy();
      resolve(refused);
    };
    socket.once('connect', () => settle(false));
    socket.once('error', (error) => settle(errorCode(error) === 'ECONNREFUSED'));
  });
}
