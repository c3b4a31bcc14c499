/** Recent requests. */
import type { ViewProps } from './view-props.ts';
import { Empty } from './parts.tsx';

export function Requests({ known }: ViewProps) {
  return <Empty key={known.run?.runId} title="No requests yet" />;
}
