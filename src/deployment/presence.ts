/** Tells the other hosts of a deployment what this one runs, and reads what they tell. Loaded only for several hosts. */
import { homedir } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { Environment } from '../base/environment.ts';
import { quote } from '../base/terminal-text.ts';
import { localFiles } from '../doctor/local-host.ts';
import { configDigest } from '../doctor/model-files.ts';
import { keepHostRecord, type Place, readHostRecords } from '../infra/host-records.ts';
import { type HostRecord, hostRecord } from '../plan/host-record.ts';
import type { HostShare, ServingPlan, WorkersPlan } from '../plan/plan.ts';
import type { RunEvent } from '../supervisor/events.ts';
import type { PeerRank } from '../supervisor/contracts.ts';
import type { RunStatus } from '../supervisor/status.ts';

type SharedPlan = (ServingPlan | WorkersPlan) & { readonly share: HostShare };

export interface Presence {
  hear(event: RunEvent, status: RunStatus): void;
  peers(process: string): Promise<readonly PeerRank[] | undefined>;
  /** Never rejects. */
  end(): Promise<void>;
}

/** `environment`: with the credentials of etcd, if it has any. */
export async function openPresence(plan: SharedPlan, environment: Environment): Promise<Presence> {
  const place = placeOf(plan, environment);
  let record = hostRecord(plan, Date.now(), await configDigest(hereOf(environment), plan.model.path));
  const kept = keepHostRecord(place, record);
  const ranked = plan.processes.find(({ rank }) => rank !== undefined);
  return {
    hear: (event, status) => {
      // etcd may be one of the processes that are stopped now.
      if (event.type === 'run' && event.phase === 'stopping') void kept.remove();
      const process = status.processes[ranked?.name ?? ''];
      if (event.type !== 'process' || process === undefined || record.rank === undefined) return;
      record = { ...record, rank: { ...record.rank, state: process.state, restarts: process.restarts } };
      kept.write(record);
    },
    peers: async () => {
      const all = await readHostRecords(place).catch(() => undefined);
      return all?.filter((each) => isPeer(each, record)).flatMap(peerOf);
    },
    end: async () => await kept.remove(),
  };
}

function isPeer({ runId, rank }: HostRecord, mine: HostRecord): boolean {
  return runId !== mine.runId && rank !== undefined && rank.meet === mine.rank?.meet;
}

function peerOf({ runId, address, rank }: HostRecord): PeerRank[] {
  if (rank === undefined) return [];
  return [{ rank: rank.rank, address, state: rank.state, life: `${runId} ${rank.restarts}` }];
}

function hereOf(environment: Environment): Parameters<typeof configDigest>[0] {
  return { files: localFiles, environment, home: homedir(), cwd: '/' };
}

function placeOf({ infra, namespace }: SharedPlan, environment: Environment): Place {
  return { addresses: infra?.etcd?.addresses ?? [], namespace, environment };
}

/** Longer than the lease of a record: one of a run that was just killed is gone by then. */
const staleMs = 12_000;

/**
 * Throws `usage` when another host serves a different model, and `busy` when one already runs this rank: the deployment
 * would wait for its workers until the time is over.
 */
export async function requireAgreement(plan: SharedPlan, environment: Environment): Promise<void> {
  const place = placeOf(plan, environment);
  const mine = hostRecord(plan, Date.now(), undefined);
  const deadline = performance.now() + staleMs;
  for (;;) {
    const others = await readHostRecords(place).catch(() => []);
    const odd = others.find(({ model }) => model.name !== mine.model.name);
    const twin = others.find((each) => isPeer(each, mine) && each.rank?.rank === mine.rank?.rank);
    const inTheWay = odd ?? twin;
    if (inTheWay === undefined) return;
    if (inTheWay.address !== mine.address || performance.now() > deadline) {
      throw odd === undefined ? sameRank(mine, inTheWay) : anotherModel(mine, odd);
    }
    await systemClock.sleep(500);
  }
}

function sameRank({ rank }: HostRecord, { address, runId }: HostRecord): DynamoError {
  const taken = `Rank ${rank?.rank} of this worker is already run by ${address} (run ${runId}).`;
  return new DynamoError('busy', taken, {
    hint: `dynamo down ${runId}   # on that host; or give another --node-rank here`,
    fields: { option: '--node-rank', asked: String(rank?.rank), holder: `${address} (run ${runId})` },
  });
}

function anotherModel(mine: HostRecord, { model, address, runId }: HostRecord): DynamoError {
  const differs = `This host would serve ${mine.model.name}, and ${address} (run ${runId}) serves ${model.name}.`;
  return new DynamoError('usage', differs, {
    hint: `--model ${quote(model.name)}   # or another --name, for another deployment`,
    fields: { option: '--model', asked: mine.model.name, choices: [model.name] },
  });
}
