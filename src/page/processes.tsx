/** The processes of a run as a table, with buttons that say what they will do. */
import { memoryText } from '../base/units.ts';
import type { ProcessAction } from '../supervisor/process-action.ts';
import { doingText } from '../supervisor/progress.ts';
import type { ProcessStatus } from '../supervisor/status.ts';
import { ask as post } from './connection.ts';
import { durationText } from './format.ts';
import type { ViewProps } from './view-props.ts';
import type { ProcessDetail, RunDetail } from './messages.ts';
import { Button, Card, Pill, useNow } from './parts.tsx';
import { goTo } from './route.ts';
import { summaryOf } from './run-header.tsx';
import { conditionOf, roleOf, roleWords } from './wiring.ts';

export function Processes(props: ViewProps) {
  const { known } = props;
  const { run, usage } = known;
  const now = useNow();
  if (run === undefined) return null;
  const hasGpus = run.processes.some(({ gpus }) => gpus.length > 0);
  const { isUp } = summaryOf(known, run);
  return (
    <Card title="Processes" note={`${run.processes.length}`}>
      <div class="scroll">
        <table class="processes">
          <thead>
            <tr>
              <th>Process</th>
              <th>State</th>
              <th>Role</th>
              <th class="number">For</th>
              <th class="number">Restarts</th>
              <th class="number" title="Of one core, with child processes">
                CPU
              </th>
              <th class="number">Memory</th>
              {hasGpus ? <th>GPU</th> : null}
              <th class="wide">Ports</th>
              <th class="buttons">
                <span class="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {run.processes.map((process) => {
              const status = known.status?.processes[process.name];
              const used = isUp ? usage[process.name] : undefined;
              return (
                <tr key={process.name} data-process={process.name}>
                  <td class="name">{process.name}</td>
                  <td>
                    <State status={status} isUp={isUp} />
                  </td>
                  <td class="soft">{roleWords[roleOf(process)]}</td>
                  <td class="number soft">
                    {status === undefined || !isUp ? '' : durationText(Math.max(0, now - status.since))}
                  </td>
                  <td class={`number${(status?.restarts ?? 0) > 0 ? ' warned' : ' soft'}`}>
                    {status?.restarts ?? 0}
                  </td>
                  <td class="number">{used === undefined ? '' : `${used.cpuPercent.toFixed(0)}%`}</td>
                  <td class="number">{used === undefined ? '' : memoryText(used.memoryBytes)}</td>
                  {hasGpus ? <td>{process.gpus.join(', ')}</td> : null}
                  <td class="soft wide">
                    {Object.entries(process.ports)
                      .map(([name, port]) => `${name} ${port}`)
                      .join(', ')}
                  </td>
                  <td class="buttons">
                    <Actions {...props} run={run} process={process} status={status} isUp={isUp} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function State({ status, isUp }: { readonly status: ProcessStatus | undefined; readonly isUp: boolean }) {
  const condition = conditionOf(status, isUp);
  const detail =
    status?.unhealthy ?? (status?.progress === undefined ? undefined : doingText(status.progress));
  return (
    <>
      <Pill {...condition} />
      {detail === undefined || !isUp ? null : <small title={detail}>{detail}</small>}
    </>
  );
}

interface ActionProps extends ViewProps {
  readonly run: RunDetail;
  readonly process: ProcessDetail;
  readonly status: ProcessStatus | undefined;
  readonly isUp: boolean;
}

function Actions({ run, process, status, isUp, ask, say, known }: ActionProps) {
  const { name } = process;
  const isReady = known.status?.phase === 'ready';
  const isStopped = status?.state === 'stopped';
  const press = (action: ProcessAction): void =>
    ask({
      title: `${titles[action]} ${name}?`,
      text: consequences(action, process, run),
      label: titles[action],
      danger: action === 'stop',
      run: async () => {
        const refused = await post('api/act', { run: run.runId, process: name, action });
        if (refused === undefined) say({ tone: 'good', text: `${name} is ${done[action]}.` });
        else say({ tone: 'bad', text: refused.error, hint: refused.hint });
      },
    });
  const why = isUp ? (isReady ? undefined : 'Possible once the run is ready') : 'The run is not up';
  const can = (action: ProcessAction): boolean => why === undefined && (action === 'start') === isStopped;
  return (
    <>
      <Button
        icon="log"
        label={`Log of ${name}`}
        quiet
        small
        onPress={() => goTo({ runId: run.runId, view: 'logs', filters: { process: name } })}
      />
      {isStopped ? (
        <Button
          icon="start"
          label={`Start ${name}`}
          title={why ?? `Start ${name}`}
          quiet
          small
          disabled={!can('start')}
          onPress={() => press('start')}
        />
      ) : (
        <>
          <Button
            icon="restart"
            label={`Restart ${name}`}
            title={why ?? `Restart ${name}`}
            quiet
            small
            disabled={!can('restart')}
            onPress={() => press('restart')}
          />
          <Button
            icon="stop"
            label={`Stop ${name}`}
            title={why ?? `Stop ${name}`}
            quiet
            small
            disabled={!can('stop')}
            onPress={() => press('stop')}
          />
        </>
      )}
    </>
  );
}

const titles: Readonly<Record<ProcessAction, string>> = { restart: 'Restart', stop: 'Stop', start: 'Start' };
const done: Readonly<Record<ProcessAction, string>> = {
  restart: 'ready again',
  stop: 'stopped',
  start: 'ready',
};

function consequences(action: ProcessAction, process: ProcessDetail, run: RunDetail): string[] {
  const { name } = process;
  const peers = run.processes.filter((each) => each.component === process.component).length - 1;
  const others =
    process.kind === 'frontend'
      ? 'Until it is back, no request is answered.'
      : (process.ifLost ??
        (peers === 0
          ? 'It is the only one of its role: until it is back, requests that need it fail.'
          : `${peers === 1 ? 'The other one of its role takes' : `The ${peers} others of its role take`} new requests meanwhile.`));
  const cli = `The same as: dynamo ${action} ${name} --run ${run.name}`;
  switch (action) {
    case 'restart':
      return [`${name} ends in order, then starts again on the same ports and GPUs.`, others, cli];
    case 'stop':
      return [`${name} ends in order and stays stopped; its ports and GPUs stay reserved.`, others, cli];
    case 'start':
      return [`${name} starts again on the same ports and GPUs.`, cli];
  }
}
