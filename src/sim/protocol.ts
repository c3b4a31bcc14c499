/** What frontend and workers say to each other on the request plane: one JSON request, an answer of JSON lines. */
import type { SeenImage } from './load-image.ts';

export interface Rendezvous {
  /** `host:port` of the prefill worker's bootstrap server. */
  readonly address: string;
  readonly room: string;
}

export interface TextRequest {
  readonly kind: 'text';
  readonly prompt: string;
  readonly images: readonly string[];
  /** Set when a dedicated encoder has seen the images already. */
  readonly seen: readonly SeenImage[] | null;
  readonly maxTokens: number | null;
  readonly stop: readonly string[];
  readonly rendezvous: Rendezvous | null;
}

/** The user's body as it came: the worker reads it and makes the answer's body. */
export interface WholeRequest {
  readonly kind: 'embedding' | 'image' | 'video';
  readonly id: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type WorkRequest =
  | TextRequest
  | WholeRequest
  | { readonly kind: 'encode'; readonly images: readonly string[] };

export type Frame =
  | { readonly type: 'start'; readonly promptTokens: number; readonly cachedTokens: number }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'end'; readonly finishReason: 'stop' | 'length'; readonly completionTokens: number }
  | { readonly type: 'seen'; readonly images: readonly SeenImage[] }
  | { readonly type: 'whole'; readonly body: unknown }
  | { readonly type: 'error'; readonly status: number; readonly message: string; readonly param?: string };

export type Frames = AsyncGenerator<Frame, void>;
