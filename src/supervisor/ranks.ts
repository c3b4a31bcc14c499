/** Restarts the rank of this host when another rank of its worker is gone or was restarted: they work together or not at all. */
import type { ProcessSpec } from '../plan/plan.ts';
import type { PeerRank } from './contracts.ts';
import type { RunContext } from './run-context.ts';

const periodMs = 2_000;
/** Looks in a row: the record of a host may be missing for a moment after etcd was restarted. */
const patience = 3;

/**
 * Mostly the ranks notice by themselves, since their connections close. A host that vanishes closes none, and a rank may
 * hang. Settles when the run shuts down; never rejects. `giveUp`: stops the rank of this host, with the reason.
 */
export async function watchRanks(
  { deps, journal, shutdown }: RunContext,
  { name }: ProcessSpec,
  giveUp: (seen: string) => void,
): Promise<void> {
  let known: ReadonlyMap<number, PeerRank> | undefined;
  let looks = 0;
  while (!shutdown.signal.aborted) {
    await deps.clock.sleep(periodMs, shutdown.signal).catch(() => {});
    const peers = await deps.peers?.(name);
    if (shutdown.signal.aborted) return;
    if (journal.stateOf(name) !== 'ready') known = undefined;
    // Without an answer nothing is known: etcd may be down.
    else if (peers !== undefined) {
      known ??= metBy(peers);
      const seen = known === undefined ? undefined : changeIn(known, peers);
      looks = seen === undefined ? 0 : looks + 1;
      if (seen === undefined || looks < patience) continue;
      [known, looks] = [undefined, 0];
      giveUp(seen);
    }
  }
}

/** Once all of them are ready, they have met this one. */
function metBy(peers: readonly PeerRank[]): ReadonlyMap<number, PeerRank> | undefined {
  if (peers.length === 0 || peers.some(({ state }) => state !== 'ready')) return undefined;
  return new Map(peers.map((peer) => [peer.rank, peer]));
}

function changeIn(known: ReadonlyMap<number, PeerRank>, peers: readonly PeerRank[]): string | undefined {
  for (const before of known.values()) {
    const now = peers.find(({ rank }) => rank === before.rank);
    const who = `rank ${before.rank}, on ${before.address},`;
    if (now === undefined) return `${who} is gone`;
    if (now.life !== before.life) return `${who} was started again`;
    if (now.state !== 'ready') return `${who} is ${now.state}`;
  }
  return undefined;
}
