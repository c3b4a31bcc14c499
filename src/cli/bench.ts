/** `dynamo bench`: loads a deployment, or several in turn, and reports what the figures allow to say. */
import type { Command } from 'commander';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, hostname, loadavg } from 'node:os';
import { dirname } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { quote } from '../base/terminal-text.ts';
import { compareArms, verdictLines } from '../bench/comparison.ts';
import { type Check, checkBaseline, checkConditions } from '../bench/conditions.ts';
import { csvOf, junitOf } from '../bench/exports.ts';
import { notesOf } from '../bench/notes.ts';
import { measureOwnCost } from '../bench/own-cost.ts';
import { type BenchResult, type GeneratorCost, parseResult, resultVersion } from '../bench/result.ts';
import type { Load } from '../bench/workload.ts';
import { reapDeadRuns } from '../deployment/reap-dead-runs.ts';
import type { StartedRun } from '../deployment/start-run.ts';
import { requireLinux } from '../package/platform.ts';
import { ownCommand } from '../package/self.ts';
import { version } from '../package/version.ts';
import { requireOwnState, workspaceOf } from '../run/folders.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { styleFor } from '../view/style.ts';
import { type Arm, armsOf, type ArmWords } from './bench/arms.ts';
import { narrator } from './bench/narrate.ts';
import { observe } from './bench/observe.ts';
import { addBenchOptions, type BenchFlags, loadOf, readText } from './bench/options.ts';
import { type Collection, runRounds } from './bench/rounds.ts';
import { type Loader, ownLoader, type Starts } from './bench/session.ts';
import { benchReport } from './bench/table.ts';
import { splitRawArgs } from './operands.ts';
import { signalExitCode, watchSignals } from './signals.ts';
import { addDeploymentOptions } from './up/deployment-options.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo bench agg --concurrency 1,8                 start agg, load it, stop it, report
  dynamo bench agg --vs disagg --html report.html    compare two profiles, in alternating rounds
  dynamo bench agg_router --vs 'disagg --replicas decode=2'
                                                     options in quotes are for that arm alone
  dynamo bench --url http://gpu7:8000 --rate 2,8     load what dynamo did not start
  dynamo bench agg --slo ttft=200ms,itl=20ms         count the requests within limits
  dynamo bench agg --fail-if 'ttft.p95 > 300ms' --junit out.xml

Exit codes: 0 measured, 1 a condition held, a deployment failed or nothing could be measured, 64 bad flag,
65 bad profile, 66 no such profile or run, 69 not ready or no answer, 130 Ctrl-C, 143 SIGTERM. docs/bench.md explains the figures.`;

const defaultRounds = 3;

export const configure: Configure = (command: Command, settle, environment) => {
  addDeploymentOptions(
    addBenchOptions(
      command
        .argument('[arm]', 'profile; in quotes with options of its own')
        .argument('[args...]', 'after --: arguments for the workers'),
    ),
  )
    .addHelpText('after', examples)
    .action(async (_arm, _args, flags: BenchFlags) =>
      settle(await bench(splitRawArgs(command.args), flags, environment)),
    );
};

async function bench(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: BenchFlags,
  environment: Environment,
): Promise<number> {
  const load = loadOf(flags);
  // Before minutes are spent on measuring.
  const baseline =
    flags.baseline === undefined
      ? undefined
      : parseResult(readText('--baseline', flags.baseline), flags.baseline);
  const asked = askedArms(operands, flags);
  if (asked.some(({ kind }) => kind !== 'url')) requireLinux('bench');
  const arms = await armsOf(asked, flags, rawArgs, environment);
  const loader = await loaderOf(flags, environment);
  const rounds = flags.rounds ?? defaultRounds;
  const starts = startsOf(arms, flags);
  const style = styleFor(process.stderr, environment);
  const tell = narrator(process.stderr, style, rounds, flags.quiet === true);
  const over = new AbortController();
  const live = new Set<StartedRun>();
  const signals = watchSignals(
    (signal) => {
      tell.say(
        `${signal}: stopping; what was measured is reported. Press Ctrl-C again to kill everything now.`,
      );
      over.abort(new Error(`received ${signal}`));
    },
    () => live.forEach(({ supervision }) => supervision.kill()),
  );
  const startedAt = new Date();
  const loadAverage = loadavg()[0] ?? 0;
  try {
    if (arms.some(({ kind }) => kind === 'profile')) {
      requireOwnState(environment);
      await reapDeadRuns(workspaceOf(environment), tell.say);
    }
    for (const arm of arms) if (arm.kind === 'profile' && arm.note !== undefined) tell.say(arm.note);
    const generator = loader === ownLoader ? await ownCost(environment, over.signal) : undefined;
    const collection = await runRounds(
      {
        arms,
        load,
        rounds,
        starts: starts === 'none' ? 'in-turn' : starts,
        warmup: flags.warmup,
        slo: flags.slo,
        limits: { requestTimeoutMs: flags.requestTimeout * 1000, pointTimeoutMs: flags.pointTimeout * 1000 },
        loader,
      },
      {
        environment,
        model: flags.model,
        gpuCount: flags.gpuCount,
        signal: over.signal,
        narrator: tell,
        observe,
        onEvent: tell.onEvent,
        onStart: (run) => {
          live.add(run);
          void run.supervision.done.then(() => live.delete(run));
        },
      },
    );
    tell.end();
    const result = resultOf(collection, {
      flags,
      load,
      rounds,
      starts,
      startedAt,
      loadAverage,
      generator,
      interrupted: over.signal.aborted,
    });
    const checks = [
      ...checkConditions(flags.failIf, result),
      ...(baseline === undefined ? [] : checkBaseline(result, baseline, flags.tolerance)),
    ];
    await report(result, checks, flags, environment);
    const signal = signals.first();
    return signal === undefined ? verdictCode(result, checks) : signalExitCode(signal);
  } finally {
    tell.end();
    signals.end();
  }
}

function askedArms(operands: readonly string[], { url, run, vs }: BenchFlags): ArmWords[] {
  const [first, ...more] = operands;
  const ways: ArmWords[] = [
    ...(first === undefined ? [] : [{ kind: 'profile', text: first } as const]),
    ...(url === undefined ? [] : [{ kind: 'url', text: url } as const]),
    ...(run === undefined ? [] : [{ kind: 'run', text: run } as const]),
  ];
  if (ways.length === 0) {
    throw new DynamoError('usage', 'dynamo bench needs a profile, --run or --url.', {
      hint: 'dynamo bench agg',
    });
  }
  if (more.length > 0) {
    throw new DynamoError(
      'usage',
      `dynamo bench takes one profile before --vs, but also got: ${more.join(' ')}.`,
      {
        hint: `dynamo bench ${quote(first ?? '')} --vs ${quote(more.join(' '))}`,
        fields: { asked: more.join(' ') },
      },
    );
  }
  return [
    ...ways,
    ...vs.map((text): ArmWords =>
      /^https?:\/\//.test(text) ? { kind: 'url', text } : { kind: 'profile', text },
    ),
  ];
}

/** Throws `usage` and `environment`. */
async function loaderOf(
  { with: generator, requests, duration }: BenchFlags,
  environment: Environment,
): Promise<Loader> {
  if (generator === 'dynamo') return ownLoader;
  if (duration !== undefined && requests === undefined) {
    throw new DynamoError('usage', '--with aiperf sends a number of requests, not for a --duration.', {
      hint: 'dynamo bench agg --with aiperf --requests 100',
    });
  }
  const { aiperfLoader } = await import('./bench/aiperf.ts');
  return aiperfLoader(environment);
}

function startsOf(arms: readonly Arm[], { starts, name, httpPort }: BenchFlags): Starts | 'none' {
  const started = arms.filter(({ kind }) => kind === 'profile').length;
  if (started === 0) return 'none';
  const how = starts ?? (arms.length === 1 ? 'in-turn' : 'per-round');
  const shared = name !== undefined ? '--name' : httpPort !== undefined ? '--http-port' : undefined;
  if (how === 'together' && started > 1 && shared !== undefined) {
    throw new DynamoError('usage', `${shared} cannot be that of several runs at the same time.`, {
      hint: `leave out ${shared}: names and free ports are chosen automatically`,
      fields: { option: shared },
    });
  }
  return how;
}

/** `undefined` where it could not be measured: that says nothing about the deployment. */
async function ownCost(environment: Environment, signal: AbortSignal): Promise<GeneratorCost | undefined> {
  const [program, ...words] = ownCommand();
  return await measureOwnCost([program, ...words, 'bench-bare-server'], environment, signal).catch(
    () => undefined,
  );
}

interface Circumstances {
  readonly flags: BenchFlags;
  readonly load: Load;
  readonly rounds: number;
  readonly starts: string;
  readonly startedAt: Date;
  readonly loadAverage: number;
  readonly generator: GeneratorCost | undefined;
  readonly interrupted: boolean;
}

function resultOf(
  { arms, notes }: Collection,
  { flags, load, rounds, starts, startedAt, loadAverage, generator, interrupted }: Circumstances,
): BenchResult {
  const { points, isl, osl, prefixShare, prefixes, requests, durationMs, seed } = load;
  const comparisons = compareArms(arms, flags.threshold);
  const result: BenchResult = {
    version: resultVersion,
    startedAt: startedAt.toISOString(),
    tookMs: Date.now() - startedAt.getTime(),
    dynamo: version,
    machine: {
      host: hostname(),
      cpus: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
      gpus: [...new Set(arms.flatMap(({ gpuNames }) => gpuNames))],
      loadAverage,
    },
    simulated: arms.some(({ simulated }) => simulated),
    interrupted,
    load: {
      points,
      isl,
      osl,
      prefixShare,
      prefixes,
      trace: flags.trace,
      requests,
      durationMs,
      seed,
      rounds,
      starts,
      with: flags.with,
    },
    slo: flags.slo,
    threshold: flags.threshold,
    generator,
    arms,
    comparisons,
    verdicts: verdictLines(comparisons, arms, { threshold: flags.threshold, rounds }),
    notes: [],
  };
  return { ...result, notes: [...notesOf(result, cpus().length), ...notes] };
}

async function report(
  result: BenchResult,
  checks: readonly Check[],
  flags: BenchFlags,
  environment: Environment,
): Promise<void> {
  const json = `${JSON.stringify({ ...result, checks }, undefined, 2)}\n`;
  if (flags.json === true) process.stdout.write(json);
  else {
    const width = terminalWidth(process.stdout);
    const style = styleFor(process.stdout, environment);
    process.stdout.write(`${fitLines(benchReport(result, style, width), width)}\n`);
    for (const { outcome, text } of checks) {
      const word =
        outcome === 'failed'
          ? style.red(outcome)
          : outcome === 'passed'
            ? style.green(outcome)
            : style.yellow(outcome);
      process.stdout.write(`${fitLines(`${word}  ${text}`, width)}\n`);
    }
  }
  if (flags.save !== undefined) write('--save', flags.save, json);
  if (flags.csv !== undefined) write('--csv', flags.csv, csvOf(result));
  if (flags.junit !== undefined) write('--junit', flags.junit, junitOf(result, checks));
  if (flags.html !== undefined) {
    const { htmlReport } = await import('../bench/html.ts');
    write('--html', flags.html, htmlReport(result, checks));
  }
}

/** 1 where something that was asked for is missing, or a check failed. */
function verdictCode({ arms }: BenchResult, checks: readonly Check[]): number {
  const incomplete = arms.some(
    ({ problems, points }) =>
      problems.length > 0 ||
      points.some(
        ({ rounds }) =>
          rounds.length === 0 ||
          rounds.some(({ figures, withheld }) => withheld !== undefined || figures.answered === 0),
      ),
  );
  return incomplete || checks.some(({ outcome }) => outcome === 'failed') ? 1 : 0;
}

function write(option: string, file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  } catch (cause) {
    throw new DynamoError('cannot-write', `${file} cannot be written: ${messageOf(cause)}.`, {
      cause,
      hint: `dynamo bench agg ${option} /a/file/that/you/can/write`,
      fields: { file },
    });
  }
}
