/** Gathers what the rules of diagnosis need of a live run: logs, ends of processes, and lazily what the host says. */
import { statSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import type { Case } from '../doctor/diagnose.ts';
import { redactor } from '../doctor/redact.ts';
import type { ObservedProcess } from '../doctor/rule.ts';
import type { Plan, ProcessSpec } from '../plan/plan.ts';
import { childEnvironment, type RunEnvironment } from '../plan/run-environment.ts';
import { kernelKills, type KernelKills, killsSince } from '../process/usage.ts';
import { linesSince } from '../run/log-file.ts';
import type { Diagnosis, Exit, Failure, RunEvent } from '../supervisor/events.ts';

/** So much of a log is read: a traceback with all that SGLang says at its start is 100 KiB. */
const longestLog = 1024 * 1024;
/** Of a deployment that served: more than SGLang writes from the first sign of trouble to its end. */
const lastLines = 500;
/** A rule asks about one thing at a time, and no rule asks twice. */
const mostRounds = 4;

export interface Diagnostician {
  /** Must hear every event: where lives of processes begin in their logs, and how they ended. */
  hear(event: RunEvent): void;
  /** Never rejects. */
  diagnose(failure: Failure): Promise<Diagnosis | undefined>;
}

/** To be made before the first process starts. */
export function createDiagnostician(plan: Plan, environment: RunEnvironment): Diagnostician {
  const inherited = childEnvironment(plan, environment);
  const clean = redactor(inherited, Object.values(environment.secrets));
  const killsBefore = kernelKills();
  const begins = new Map<string, number>();
  const exits = new Map<string, Exit>();
  let served = false;
  const observe = (spec: ProcessSpec): ObservedProcess => ({
    spec,
    // What a log of weeks once said is not why it ended now.
    lines: linesSince(spec.logFile, begins.get(spec.name) ?? 0, longestLog).slice(served ? -lastLines : 0),
    variables: new Set([...Object.keys(inherited), ...Object.keys(spec.env)]),
    exit: exits.get(spec.name),
  });
  return {
    hear: (event) => {
      served ||= event.type === 'ready';
      if (event.type !== 'process') return;
      if (event.state === 'starting') begins.set(event.process, sizeOf(plan, event.process));
      if (event.state === 'failed' && event.exit !== undefined) exits.set(event.process, event.exit);
    },
    diagnose: async (failure) => {
      try {
        const processes = plan.processes.filter(({ name }) => begins.has(name)).map(observe);
        const seen = { failure, processes, plan };
        const found = await settle(seen, killsSince(killsBefore), environment.variables);
        return found === undefined ? undefined : withoutSecrets(found, clean);
      } catch {
        return undefined; // what helps to understand a failure must not become one
      }
    },
  };
}

/** Asks again with the answers, until no rule has a question whose answer is new. */
async function settle(
  seen: Case,
  kills: KernelKills,
  environment: Environment,
): Promise<Diagnosis | undefined> {
  // Loaded when something has failed: the rules are a tenth of what a start would have to read.
  const [{ diagnose }, { rules }, { answerQuestions, cheapEvidence }] = await Promise.all([
    import('../doctor/diagnose.ts'),
    import('../doctor/rule-table.ts'),
    import('./host-evidence.ts'),
  ]);
  let host = cheapEvidence(kills, seen.plan);
  for (let round = 0; ; round++) {
    const { diagnosis, asks } = diagnose(rules, seen, host);
    if (asks.length === 0 || round === mostRounds) return diagnosis;
    host = await answerQuestions(host, asks, seen.plan, environment);
  }
}

/** Logs may hold them; events stand in a file and on terminals. */
function withoutSecrets(found: Diagnosis, clean: (text: string) => string): Diagnosis {
  return { ...found, cause: clean(found.cause), evidence: found.evidence.map(clean), fix: clean(found.fix) };
}

function sizeOf(plan: Plan, process: string): number {
  const file = plan.processes.find(({ name }) => name === process)?.logFile ?? '';
  try {
    return statSync(file).size;
  } catch {
    return 0; // nothing written yet
  }
}
