/** The few fields of Kubernetes objects that the rest of this room reads. */

export interface Condition {
  readonly type: string;
  /** `True`, `False` or `Unknown`. */
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number | undefined;
  /** When its status changed last; NaN if unknown. */
  readonly changedAt: number;
}

/** A DynamoGraphDeployment, of either API version. */
export interface Graph {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  readonly observedGeneration: number | undefined;
  /** When its spec was written last. */
  readonly changedAt: number;
  readonly createdAt: number;
  /** It is being deleted. */
  readonly deleting: boolean;
  readonly finalizers: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Field managers, except those that wrote only the status. */
  readonly managers: readonly string[];
  readonly components: readonly GraphComponent[];
  readonly state: string | undefined;
  readonly conditions: readonly Condition[];
}

export interface GraphComponent {
  readonly name: string;
  /** `frontend`, `prefill`, `decode`, `worker`, … */
  readonly type: string;
  readonly replicas: number;
  /** A DynamoGraphDeploymentScalingAdapter owns `replicas`. */
  readonly hasAdapter: boolean;
  readonly nodes: number;
  /** Of one pod. */
  readonly gpus: number;
  readonly ready: number | undefined;
}

export interface ContainerState {
  readonly kind: 'waiting' | 'running' | 'terminated' | 'unknown';
  readonly reason: string;
  readonly message: string;
  readonly exitCode: number | undefined;
}

export interface PodContainer {
  readonly name: string;
  readonly image: string;
  readonly ready: boolean;
  readonly started: boolean;
  readonly restarts: number;
  readonly now: ContainerState;
  /** How its previous run ended, if it was restarted. */
  readonly before: ContainerState;
}

export interface Pod {
  readonly name: string;
  readonly uid: string;
  /** The DynamoGraphDeployment that it belongs to. */
  readonly graph: string;
  /** As in the profile; empty if the operator has not labelled the pod. */
  readonly component: string;
  readonly createdAt: number;
  readonly deleting: boolean;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  readonly node: string | undefined;
  readonly conditions: readonly Condition[];
  /** Init containers first. */
  readonly containers: readonly PodContainer[];
  /** Names of its PersistentVolumeClaims. */
  readonly claims: readonly string[];
  readonly pullSecrets: readonly string[];
  /** Names of the gates that keep it from being scheduled. */
  readonly schedulingGates: readonly string[];
  readonly gpus: number;
}

export interface ClusterEvent {
  /** As `Pod`. */
  readonly kind: string;
  readonly name: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly at: number;
}

export interface ClusterNode {
  readonly name: string;
  /** Of `nvidia.com/gpu`. */
  readonly gpus: number;
  readonly ready: boolean;
  readonly taints: readonly string[];
}

export interface Claim {
  readonly name: string;
  /** `Bound`, `Pending` or `Lost`. */
  readonly phase: string;
  readonly accessModes: readonly string[];
  readonly storageClass: string;
}
