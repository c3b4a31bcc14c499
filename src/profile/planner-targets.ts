/** What NVIDIA's planner can scale for, under upstream's names: `optimization_target`. Apart from the schema, which `up` does not load. */
export const plannerTargets = ['throughput', 'latency', 'load', 'sla'] as const;
export type PlannerTarget = (typeof plannerTargets)[number];
