/** How processes find each other: what files in a folder and etcd have in common. */

export const buckets = ['instances', 'mdc', 'event_channels'] as const;
export type Bucket = (typeof buckets)[number];

/** Keys without the bucket, and what was published under them. */
export type Entries = ReadonlyMap<string, string>;

export interface Discovery {
  /** The number that this process registers under; beyond 2^53 in practice, so never a JavaScript number. */
  readonly id: bigint;
  publish(bucket: Bucket, key: string, text: string): Promise<void>;
  /** Calls as soon as it knows, and after each change. */
  watch(bucket: Bucket, onChange: (entries: Entries) => void): void;
  /** False while nothing can be known about others; what was known last may still be true. */
  reachable(): boolean;
  /** Takes back what this process published and stops watching. */
  close(): Promise<void>;
}
