/** Tries the model of a run: a chat, an embedding, an image or a video, as its profile serves. */
import { Chat } from './chat.tsx';
import { Generate } from './generate.tsx';
import { Empty } from './parts.tsx';
import { summaryOf } from './run-header.tsx';
import type { ViewProps } from './view-props.ts';

export function Playground(props: ViewProps) {
  const { known } = props;
  const { run } = known;
  if (run === undefined) return null;
  const { isUp } = summaryOf(known, run);
  if (run.serves === undefined)
    return (
      <Empty title="This run answers no requests">
        Its frontend runs on another host, or it runs etcd and NATS only.
      </Empty>
    );
  if (!isUp)
    return (
      <Empty title="This run has ended">
        Start it again: <code>dynamo up {run.profile}</code>
      </Empty>
    );
  if (run.serves === 'chat' || run.serves === 'vision')
    return <Chat {...props} run={run} sees={run.serves === 'vision'} />;
  return <Generate {...props} run={run} kind={run.serves} />;
}
