/** What a check of a cluster is, and what a deployment needs of its cluster. */
import { fail, type Finding } from '../../doctor/check.ts';
import type { Call, Kubectl } from '../kubectl.ts';
import { type Problem, problemError } from '../problem.ts';

/** What a deployment needs of its cluster. */
export interface ClusterNeeds {
  readonly hfSecret?: string | undefined;
  /** The PersistentVolumeClaim of the model cache. */
  readonly claim?: string | undefined;
  /** Of the largest pod. */
  readonly gpusPerPod: number;
  readonly gpus: number;
  readonly pods: number;
  /** Components that run on several nodes. */
  readonly multinode: readonly string[];
}

export interface ClusterCheck {
  /** Never changes its meaning: scripts and bug reports name it. */
  readonly id: `K${number}`;
  readonly name: string;
  /** What is true when it is ok. */
  readonly title: string;
  /** `up` makes it before it changes anything; the others are for the doctor only. */
  readonly beforeUp: boolean;
  look(kubectl: Kubectl, needs: ClusterNeeds | undefined, call: Call): Promise<Finding>;
}

export interface ClusterReport extends Finding {
  readonly id: string;
  readonly name: string;
  readonly title: string;
}

export function failOf(problem: Problem, kubectl: Kubectl, doing: string): Finding {
  const { message, hint = kubectl.line('version') } = problemError(problem, kubectl, doing);
  return fail(message.replace(/\.$/, ''), hint, [`kubectl: ${problem.said}`]);
}
