/** The module of every verb, loaded only when it runs. */
import type { Configure, VerbName } from './verbs.ts';

export const verbModules: Readonly<Record<VerbName, () => Promise<{ readonly configure: Configure }>>> = {
  up: () => import('./up.ts'),
  down: () => import('./down.ts'),
  ps: () => import('./ps.ts'),
  logs: () => import('./logs.ts'),
  start: () => import('./start.ts'),
  stop: () => import('./stop.ts'),
  restart: () => import('./restart.ts'),
  attach: () => import('./attach.ts'),
  wait: () => import('./wait.ts'),
  events: () => import('./events.ts'),
  chat: () => import('./chat.ts'),
  open: () => import('./open.ts'),
  infra: () => import('./infra.ts'),
  plan: () => import('./plan.ts'),
  smoke: () => import('./smoke.ts'),
  doctor: () => import('./doctor.ts'),
  exec: () => import('./exec.ts'),
  profiles: () => import('./profiles.ts'),
  clean: () => import('./clean.ts'),
  setup: () => import('./setup.ts'),
  completion: () => import('./completion.ts'),
  supervise: () => import('./up/supervise.ts'),
  reap: () => import('./clean/reap.ts'),
  complete: () => import('./complete.ts'),
};
