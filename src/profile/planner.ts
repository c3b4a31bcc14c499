/** What a profile may say about NVIDIA's planner, which `--planner` starts: bounds, and what it scales for. */
import * as z from 'zod';
import { mostOnOneMachine, plannerTargets } from './planner-bounds.ts';

/** Each component that it scales has this many workers. */
const workers = z.int().min(1).max(mostOnOneMachine);

/** Names and meanings as in upstream's PlannerConfig. */
export const planner = z
  .strictObject({
    target: z
      .enum(plannerTargets)
      .default('throughput')
      .describe('What it scales for; --planner TARGET overrides it'),
    replicas: z
      .record(z.string(), z.strictObject({ min: workers.default(1), max: workers.optional() }))
      .default({})
      .describe('Bounds on the number of workers, by component; default: from 1 to what the GPUs allow'),
    maxGpus: z
      .int()
      .min(1)
      .max(512)
      .optional()
      .describe('GPUs of all workers together; default: those that no one else uses when the run starts'),
    intervalSeconds: z.int().min(1).max(3600).default(5).describe('Time between two decisions'),
    ttftMs: z.number().positive().optional().describe('Target sla: time to the first token'),
    itlMs: z.number().positive().optional().describe('Target sla: time between tokens'),
    prefillScaleUpQueueTokens: z
      .int()
      .min(0)
      .optional()
      .describe('Target load: tokens that wait for prefill'),
    prefillScaleDownQueueTokens: z.int().min(0).optional().describe('Target load: see above'),
    decodeScaleUpKvRate: z
      .number()
      .min(0)
      .max(100)
      .optional()
      .describe('Target load: percentage of the KV cache in use'),
    decodeScaleDownKvRate: z.number().min(0).max(100).optional().describe('Target load: see above'),
  })
  .describe("Bounds and thresholds for NVIDIA's planner, which --planner starts");

export type PlannerSpec = z.infer<typeof planner>;
