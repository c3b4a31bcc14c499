/** Types, constants and names of plans for Kubernetes. */
import type { WorkerMode } from '../profile/profile.ts';
import type { ShapeFault } from '../profile/tree.ts';

export const apiGroup = 'nvidia.com';
export const resourceKind = 'DynamoGraphDeployment';

/** The newest first. Source: docs/upstream/kubernetes.md#api-by-release. */
export const apiVersions = ['v1beta1', 'v1alpha1'] as const;
export type ApiVersion = (typeof apiVersions)[number];

/** Everything that dynamo makes has `managed` with the value `managedBy`; `name` is the name of the run. */
export const labels = {
  managed: 'app.kubernetes.io/managed-by',
  name: 'dynamo.run/name',
  profile: 'dynamo.run/profile',
} as const;
export const managedBy = 'dynamo';

/** Set by the operator: its Service and probes use this port. Source: docs/upstream/kubernetes.md#what-the-operator-adds. */
export const frontendPort = 8000;
/** Each pod has its own address, so all workers use the same ports. Source: docs/upstream/kubernetes.md#upstreams-manifests. */
export const workerPorts = { bootstrap: 12_345, kvEvents: 5557 } as const;

/** The cache folder of the user in upstream's image. */
export const cacheFolder = '/home/dynamo/.cache/huggingface';
export const mediaFolder = '/media';

/** An existing PersistentVolumeClaim, and where it is mounted. */
export interface ModelCache {
  readonly claim: string;
  readonly path: string;
}

/** What the command line asks of a plan for Kubernetes. */
export interface KubernetesRequest {
  readonly apiVersion: ApiVersion;
  /** Default: SGLang. */
  readonly engine?: string | undefined;
  /** Name of the run; default: that of the profile. */
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  /** `from`: the option or variable that named it. */
  readonly image?: { readonly reference: string; readonly from: string } | undefined;
  /** Version of Dynamo in the image, if its tag does not say. */
  readonly dynamoVersion?: string | undefined;
  /** Secret whose keys become variables of every process. */
  readonly hfSecret?: string | undefined;
  readonly modelCache?: ModelCache | undefined;
  readonly discovery?: 'etcd' | 'file' | undefined;
  readonly events?: 'nats' | 'zmq' | 'none' | undefined;
  readonly replicas: Readonly<Record<string, number>>;
  readonly env: Readonly<Record<string, string>>;
  readonly rawArgs: readonly string[];
}

/** One component of the graph, as its pods run it. */
export interface PodComponent {
  /** In the graph; the frontend is always `frontend`. */
  readonly name: string;
  /** Its key in the profile. */
  readonly component: string;
  readonly type: 'frontend' | 'worker' | 'prefill' | 'decode';
  readonly mode?: WorkerMode | undefined;
  readonly replicas: number;
  /** Pods of each replica, each on its own node. */
  readonly nodes: number;
  readonly gpusPerPod: number;
  readonly command: readonly string[];
  readonly args: readonly string[];
  /** In addition to those that all components share. */
  readonly env: Readonly<Record<string, string>>;
  readonly sharedMemory?: string | undefined;
  readonly shareProcessNamespace: boolean;
  /** Between SIGTERM and SIGKILL, if the operator's default does not fit. */
  readonly graceSeconds?: number | undefined;
  /** Folders that are empty when a pod starts. */
  readonly emptyFolders: readonly { readonly name: string; readonly path: string; readonly size: string }[];
  /** How it registers with the frontend; absent for the frontend. The operator decides the namespace. */
  readonly registersAs?: { readonly component: string; readonly endpoint: string } | undefined;
}

/** A deployment as a graph of components, independent of the version of the API. */
export interface PodGraph {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly backendFramework: string;
  readonly image: string;
  /** Set if the tag of the image is not a version, for operators that require one. */
  readonly runtimeVersion?: string | undefined;
  readonly hfSecret?: string | undefined;
  readonly modelCache?: ModelCache | undefined;
  /** Of every component. */
  readonly env: Readonly<Record<string, string>>;
  readonly components: readonly PodComponent[];
}

/** A DynamoGraphDeployment, ready to be applied. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: typeof resourceKind;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A key of the profile that cannot be used on Kubernetes. */
export type ManifestFault = ShapeFault;
