/** Diagnoses a failure of a live run: gives the rules its logs and exits and, on demand, facts about the host. */
import { statSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import type { Case, ObservedProcess } from '../doctor/rule.ts';
import { redactor } from '../doctor/run-checks.ts';
import type { Plan, ProcessSpec } from '../plan/plan.ts';
import { childEnvironment } from '../plan/run-environment.ts';
import type { PreparedRun } from './tidy-up.ts';
import { kernelKills, type KernelKills, killsSince } from '../process/usage.ts';
import { linesSince } from '../run/log-file.ts';
import type { Diagnosis, Exit, Failure, RunEvent } from '../supervisor/events.ts';

/** How much of a log is read: a traceback with everything that SGLang logs at start-up is 100 KiB. */
const longestLog = 1024 * 1024;
/** For a deployment that served: more than SGLang logs from the first sign of a problem to its end. */
const lastLines = 500;
/** A rule asks one question at a time, and no rule asks twice. */
const mostRounds = 4;

export interface Diagnostician {
  /** Must receive every event: it notes where in the log each start of a process begins, and how it ended. */
  hear(event: RunEvent): void;
  /** Never rejects. */
  diagnose(failure: Failure): Promise<Diagnosis | undefined>;
}

/** Call this before the first process starts. */
export function createDiagnostician(run: Pick<PreparedRun, 'plan' | 'environment'>): Diagnostician {
  const { environment } = run;
  const inherited = childEnvironment(run.plan, environment);
  const killsBefore = kernelKills();
  const begins = new Map<string, number>();
  const exits = new Map<string, Exit>();
  let served = false;
  const observe = (spec: ProcessSpec, until: number): ObservedProcess => ({
    spec,
    // Old log lines are not the reason why it ended now.
    lines: linesSince(spec.logFile, begins.get(spec.name) ?? 0, longestLog, until).slice(
      served ? -lastLines : 0,
    ),
    variables: new Set([...Object.keys(inherited), ...Object.keys(spec.env)]),
    exit: exits.get(spec.name),
  });
  return {
    hear: (event) => {
      served ||= event.type === 'ready';
      if (event.type !== 'process') return;
      if (event.state === 'starting') begins.set(event.process, sizeOf(run.plan, event.process));
      if (event.state === 'failed' && event.exit !== undefined) exits.set(event.process, event.exit);
    },
    diagnose: async (failure) => {
      try {
        const { plan } = run;
        const started = plan.processes
          .filter(({ name }) => begins.has(name))
          .map((spec) => ({ spec, until: sizeOf(plan, spec.name) }));
        // The others get SIGTERM first: what they write from now on is not the reason.
        await new Promise(setImmediate);
        const processes = started.map(({ spec, until }) => observe(spec, until));
        const seen = { failure, processes, plan };
        const found = await settle(seen, killsSince(killsBefore), environment.variables);
        return found === undefined
          ? undefined
          : withoutSecrets(found, redactor(inherited, Object.values(environment.secrets)));
      } catch {
        return undefined; // A diagnosis must not cause another failure.
      }
    },
  };
}

/** Repeats the diagnosis with the answers, until no rule has a new question. */
async function settle(
  seen: Case,
  kills: KernelKills,
  environment: Environment,
): Promise<Diagnosis | undefined> {
  // Loaded only after a failure: the rules would be a tenth of the code that a start loads.
  const [{ diagnose }, { rules }, { answerQuestions, cheapEvidence }] = await Promise.all([
    import('../doctor/rule.ts'),
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

/** Logs may contain secrets, and events are stored in a file and shown on terminals. */
function withoutSecrets(found: Diagnosis, clean: (text: string) => string): Diagnosis {
  return { ...found, cause: clean(found.cause), evidence: found.evidence.map(clean), fix: clean(found.fix) };
}

function sizeOf(plan: Plan, process: string): number {
  const file = plan.processes.find(({ name }) => name === process)?.logFile ?? '';
  try {
    return statSync(file).size;
  } catch {
    return 0; // Nothing was written yet.
  }
}
