/** A run at a glance: figures, wiring, processes, start-up and events. */
import { Events } from './events.tsx';
import type { ViewProps } from './view-props.ts';
import { Processes } from './processes.tsx';
import { StartUp } from './start-up.tsx';
import { Tiles } from './tiles.tsx';
import { Topology } from './topology.tsx';

export function Overview(props: ViewProps) {
  return (
    <div class="overview">
      <Tiles {...props} />
      <Topology {...props} />
      <Processes {...props} />
      <div class="pair">
        <StartUp {...props} />
        <Events {...props} />
      </div>
    </div>
  );
}
