/** The part of dockerode that is used; the package brings no types. */
declare module 'dockerode' {
  interface ContainerState {
    readonly Status: string;
    readonly Running: boolean;
    readonly OOMKilled: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
  }
  interface ContainerInfo {
    readonly Id: string;
    readonly State: ContainerState;
    readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  }
  interface ListedContainer {
    readonly Id: string;
    readonly Names: readonly string[];
    readonly Image: string;
    readonly State: string;
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Ports: readonly { readonly IP?: string; readonly PublicPort?: number }[];
  }
  interface Container {
    readonly id: string;
    inspect(): Promise<ContainerInfo>;
    start(): Promise<unknown>;
    kill(options: { signal: string }): Promise<unknown>;
    remove(options: { force: boolean; v: boolean }): Promise<unknown>;
    logs(options: LogOptions & { follow: true }): Promise<NodeJS.ReadableStream>;
    logs(options: LogOptions & { follow: false }): Promise<Buffer>;
  }
  interface LogOptions {
    readonly stdout: boolean;
    readonly stderr: boolean;
    /** Seconds since the epoch, fractions too. */
    readonly since?: number;
  }
  interface Image {
    inspect(): Promise<{ readonly Id: string }>;
    /** Asks the registry. */
    distribution(): Promise<unknown>;
  }
  interface PullStep {
    readonly id?: string;
    readonly status?: string;
    readonly error?: string;
    readonly progressDetail?: { readonly current?: number; readonly total?: number };
  }
  interface Modem {
    demuxStream(
      stream: NodeJS.ReadableStream,
      stdout: NodeJS.WritableStream,
      stderr: NodeJS.WritableStream,
    ): void;
    followProgress(
      stream: NodeJS.ReadableStream,
      onFinished: (error: Error | null) => void,
      onProgress: (step: PullStep) => void,
    ): void;
  }
  interface DockerOptions {
    readonly socketPath?: string;
    readonly protocol?: 'http' | 'https';
    readonly host?: string;
    readonly port?: number;
    readonly ca?: Buffer;
    readonly cert?: Buffer;
    readonly key?: Buffer;
  }
  export default class Docker {
    readonly modem: Modem;
    constructor(options: DockerOptions);
    version(): Promise<{
      readonly Version: string;
      readonly Components?: readonly { readonly Name: string }[];
    }>;
    info(options?: { abortSignal?: AbortSignal }): Promise<{
      readonly SecurityOptions?: readonly string[] | null;
      readonly Rootless?: boolean;
      readonly Name?: string;
    }>;
    createContainer(options: object): Promise<Container>;
    getContainer(name: string): Container;
    getImage(reference: string): Image;
    pull(reference: string, options?: { abortSignal?: AbortSignal }): Promise<NodeJS.ReadableStream>;
    listContainers(options: { all: boolean }): Promise<ListedContainer[]>;
  }
}
