/** What every view of the page gets. */
import type { Notice, Question } from './parts.tsx';
import type { Route } from './route.ts';
import type { Known } from './store.ts';

export interface ViewProps {
  readonly known: Known;
  readonly route: Route;
  /** Asks before it acts. */
  readonly ask: (question: Question) => void;
  readonly say: (notice: Omit<Notice, 'id'>) => void;
}
