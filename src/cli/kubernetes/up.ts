/** `dynamo up --on kubernetes`: applies the manifest, waits until it serves, opens a port-forward, deletes it at the end. */
import type { Environment } from '../../base/environment.ts';
import { systemClock } from '../../base/clock.ts';
import { DynamoError } from '../../base/error.ts';
import { openProfile } from '../../deployment/load-profile.ts';
import { readGraph } from '../../kubernetes/cluster.ts';
import { findCluster } from '../../kubernetes/find-cluster.ts';
import type { Kubectl } from '../../kubernetes/kubectl.ts';
import { followOutput } from '../../kubernetes/pod-output.ts';
import { type ClusterRun, forgetRun } from '../../kubernetes/records.ts';
import { clusterPanel } from '../../view/cluster-panel.ts';
import { fitLines, terminalWidth } from '../../view/wrap.ts';
import { logTextShower } from '../../view/log-lines.ts';
import { styleFor } from '../../view/style.ts';
import { watchForReaderGone } from '../reader.ts';
import { oneProfile } from '../operands.ts';
import { pacedOutput } from '../reader.ts';
import { splitRawArgs } from '../operands.ts';
import { readerGone } from '../reader.ts';
import { signalExitCode, watchSignals } from '../signals.ts';
import { type DeploymentFlags, settingsOf } from '../up/deployment-options.ts';
import type { Configure } from '../verb.ts';
import { bringUp, type Caller, endRun, leftThere, type Say, type UpOnCluster } from './bring-up.ts';
import { type ManifestFlags, requireTarget } from './manifest-options.ts';
import { addClusterOptions } from './cluster-options.ts';
import type { PlaceFlags } from './place-options.ts';
import { type AskedRequest, clusterRequest } from './request.ts';

const examples = `
Examples:
  dynamo up disagg --on kubernetes                  in the current context and its namespace; Ctrl-C deletes it
  dynamo up disagg --on kubernetes --detach         returns when it serves; delete it with: dynamo down disagg
  dynamo up agg --on kubernetes --namespace serving --hf-secret hf-token --model-cache models

Exit codes: 0 ended well, 1 it cannot come up, 64 bad flag, 65 bad profile, 66 no such profile, 69 not ready in time or
no answer, 75 name taken, 77 not allowed, 78 the cluster lacks something, 130 Ctrl-C, 143 SIGTERM. docs/kubernetes.md.`;

interface UpFlags extends DeploymentFlags, ManifestFlags, PlaceFlags {
  readonly on?: 'kubernetes';
  readonly namespace?: string;
  readonly detach?: true;
  readonly json?: true;
  readonly quiet?: true;
  readonly verbose?: true;
}

export const configure: Configure = (command, settle, environment) => {
  addClusterOptions(
    command
      .argument('[profile]', 'profile, alias, upstream script or YAML file')
      .argument('[args...]', 'after --: arguments for the workers'),
  )
    .option('-d, --detach', 'return when it serves, and leave it on the cluster')
    .option('--json', 'with --detach: print the run as JSON')
    .option('-q, --quiet', 'print no progress and no logs, only the result')
    .option('-v, --verbose', 'show the logs from the first line')
    .addHelpText('after', examples)
    .action(async (_profile, _args, flags: UpFlags) =>
      settle(await up(splitRawArgs(command.args), flags, environment)),
    );
};

async function up(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: UpFlags,
  environment: Environment,
): Promise<number> {
  requireTarget(flags, ['timeout', 'httpPort']);
  const asked = await oneProfile(operands, 'up', environment);
  const { profile, note } = await openProfile(asked, settingsOf(flags), environment);
  const say: Say = (line) => void (flags.quiet === true || process.stderr.write(`${line}\n`));
  if (note !== undefined) say(note);
  const kubectl = await findCluster(flags, environment);
  const detached = flags.detach === true;
  const request = await clusterRequest(
    kubectl,
    { asked, profile, flags, rawArgs, environment },
    { detached, mayChange: true },
  );
  const ending = new AbortController();
  const forceSignal = new AbortController();
  const signals = watchSignals(
    (signal) => {
      say(
        `\n${signal}: ${detached ? 'deleting what was made' : 'deleting it'} (press again to stop waiting)`,
      );
      ending.abort(new DynamoError('process-failed', `${signal} came.`, { fields: { signal } }));
    },
    () => forceSignal.abort(leftThere(request)),
  );
  watchForReaderGone();
  readerGone.addEventListener('abort', () => ending.abort(readerGone.reason));
  try {
    const live = await Promise.race([
      bringUp(kubectl, request, { say, environment, signal: ending.signal }),
      aborted(forceSignal.signal),
    ]);
    if (detached) {
      await live.serving.forward.end();
      reportDetached(live, request, flags, environment);
      return 0;
    }
    process.stdout.write(panelOf(live, request, environment));
    return await stay(kubectl, live, {
      flags,
      caller: { say, environment, signal: ending.signal },
      forceSignal: forceSignal.signal,
    });
  } catch (error) {
    if (!ending.signal.aborted || forceSignal.signal.aborted || error !== ending.signal.reason) throw error;
    return signalExitCode(signals.first() ?? 'SIGPIPE');
  } finally {
    signals.end();
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );
}

interface Stay {
  readonly flags: UpFlags;
  readonly caller: Caller;
  readonly forceSignal: AbortSignal;
}

/** Shows the logs of the pods until a signal comes, or until the deployment is deleted. Always throws: at the end the reason of the signal. */
async function stay(
  kubectl: Kubectl,
  { run, existed, serving }: UpOnCluster,
  { flags, caller, forceSignal }: Stay,
): Promise<number> {
  const { say, environment, signal: ending } = caller;
  const style = styleFor(process.stdout, environment);
  const show = logTextShower(Object.keys(run.served.modes).concat('frontend'), style, true);
  const output = pacedOutput(process.stdout);
  const print = (label: string, text: string): void => {
    if (flags.quiet === true) return;
    output.write(show(label, text));
    void output.flush();
  };
  const options = {
    components: [],
    look: style.level > 0 ? 'coloured' : 'plain',
    ...(flags.verbose === true ? {} : { since: systemClock.now() }),
  } as const;
  let wasDeleted = false;
  const isOver = async (): Promise<boolean> => (wasDeleted = await isGone(kubectl, run, ending));
  try {
    await followOutput(kubectl, run.graph, options, print, { clock: systemClock, signal: ending, isOver });
  } finally {
    await serving.forward.end();
  }
  if (wasDeleted) {
    forgetRun(environment, run.runId);
    throw new DynamoError('process-failed', `${run.graph} was deleted on the cluster.`, {
      fields: { deployment: run.graph },
      hint: `dynamo up ${run.served.profile} --on kubernetes`,
    });
  }
  if (existed) say(`${run.graph} existed before, so it is kept; to delete it: dynamo down ${run.name}`);
  else await endRun(kubectl, run, { say, environment, signal: forceSignal });
  throw ending.reason;
}

/** True as soon as it is being deleted. False if the cluster does not answer. */
async function isGone(
  kubectl: Kubectl,
  { apiVersion, graph, uid }: ClusterRun,
  signal: AbortSignal,
): Promise<boolean> {
  const seen = await readGraph(kubectl, apiVersion, graph, { signal }).catch(() => undefined);
  return seen?.kind === 'seen' && (seen.value === undefined || seen.value.uid !== uid || seen.value.deleting);
}

function panelOf({ run, serving }: UpOnCluster, { plan }: AskedRequest, environment: Environment): string {
  const pods = plan.graph.components
    .map(({ name, replicas, nodes }) => `${name} ${replicas * nodes}`)
    .join(', ');
  const text = clusterPanel(
    {
      name: run.graph,
      place: run,
      apiVersion: run.apiVersion,
      service: run.served.service,
      url: run.detached ? undefined : serving.forward.url,
      model: run.served.model,
      pods,
      proof: serving.proof,
      request: run.served.proof,
      tookMs: serving.tookMs,
    },
    styleFor(process.stdout, environment),
  );
  return fitLines(text, terminalWidth(process.stdout));
}

function reportDetached(
  live: UpOnCluster,
  request: AskedRequest,
  { json }: UpFlags,
  environment: Environment,
): void {
  const { run, serving } = live;
  if (json !== true) {
    process.stdout.write(panelOf(live, request, environment));
    process.stdout.write(
      `It stays on the cluster. Reach it: dynamo open ${run.name}. Logs: dynamo logs -f ${run.name}. Delete it: dynamo down ${run.name}\n`,
    );
    return;
  }
  const { runId, name, graph, context, namespace, apiVersion, served } = run;
  const result = {
    runId,
    name,
    on: { kubernetes: { context, namespace, graph, apiVersion, service: served.service } },
    model: served.model,
    proof: serving.proof,
  };
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
}
