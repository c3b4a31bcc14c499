/** What `up` must know of the planner and of scaling without loading the schema. */

/** What NVIDIA's planner can scale for, under upstream's names: `optimization_target`. */
export const plannerTargets = ['throughput', 'latency', 'load', 'sla'] as const;
export type PlannerTarget = (typeof plannerTargets)[number];

/** Workers of one component. What this many take of a machine is checked once they are planned: src/process/room.ts. */
export const mostOnOneMachine = 256;
