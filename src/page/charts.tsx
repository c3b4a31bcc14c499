/** Figures over time. */
import type { ViewProps } from './view-props.ts';
import { Empty } from './parts.tsx';

export function Charts({ known }: ViewProps) {
  return <Empty key={known.run?.runId} title="No figures yet" />;
}
