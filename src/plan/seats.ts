/** Turns the components of a profile into processes with names: one seat for each replica. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import type { FrontendSpec, Profile, WorkerSpec } from '../profile/profile.ts';

interface SeatName {
  readonly name: string;
  readonly component: string;
}
export type FrontendEntry = SeatName & { readonly kind: 'frontend'; readonly spec: FrontendSpec };
export type WorkerEntry = SeatName & { readonly kind: 'worker'; readonly spec: WorkerSpec };
export type Seat = FrontendEntry | WorkerEntry;

/**
 * `replicas` overrides the profile's count by component. Throws `usage` for a component that is not a worker here, and
 * `profile-invalid` when two processes would have one name.
 */
export function seatsOf(profile: Profile, replicas: Readonly<Record<string, number>>): Seat[] {
  const workers = Object.entries(profile.components).flatMap(([name, spec]) =>
    spec.kind === 'worker' ? [name] : [],
  );
  for (const component of Object.keys(replicas)) {
    if (workers.includes(component)) continue;
    const meant = nearest(component, workers);
    throw new DynamoError(
      'usage',
      `--replicas ${component}=…: profile ${profile.name} has no worker ${component}.`,
      {
        hint:
          meant === undefined ? `its workers: ${workers.join(', ')}` : `did you mean --replicas ${meant}=…?`,
      },
    );
  }
  const seats = Object.entries(profile.components).flatMap(([component, spec]): Seat[] => {
    if (spec.kind === 'frontend') return [{ name: component, component, kind: 'frontend', spec }];
    const count = replicas[component] ?? spec.replicas;
    return Array.from({ length: count }, (_, i) => ({
      name: count === 1 ? component : `${component}-${i + 1}`,
      component,
      kind: 'worker',
      spec,
    }));
  });
  const names = seats.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return seats;
  throw new DynamoError(
    'profile-invalid',
    `Two processes would have the name ${twice}: a component and a replica of another.`,
    {
      hint: `rename the component ${twice}`,
    },
  );
}
