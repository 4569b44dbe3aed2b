import type { FluxEvent } from '../event/flux-event.ts';

/** What a Provider and its Secrets say, read and checked. Held in memory only. */
export interface Destination {
  address: URL;
  channel: string;
  username: string;
  token: string;
  /** Further headers of the request, from the Secret's `headers`. */
  headers: Record<string, string>;
}

/** One POST. */
export interface Post {
  url: URL;
  headers: Record<string, string>;
  body: string;
}

/** Encodes an event for one service. One file each; the map is in provider-types.ts. Pure: sending is post.ts. */
export interface ProviderType {
  encode(event: FluxEvent, destination: Destination): Post;
  /**
   * For services that answer 200 and mean an error: throws a PostFailed. Any other answer than 2xx is an error without
   * being asked here.
   */
  checkAnswer?(url: URL, body: string): void;
}

/** A POST that did not arrive, or was refused. `message` names no address and no token. */
export class PostFailed extends Error {
  readonly code = 'PostFailed';
  /** Whether the same POST may go well later. */
  readonly retry: boolean;
  /** What the service asked for (Retry-After), seconds. */
  readonly retryAfter: number | undefined;
  constructor(message: string, options: { retry: boolean; retryAfter?: number | undefined; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'PostFailed';
    this.retry = options.retry;
    this.retryAfter = options.retryAfter;
  }
}

export const jsonHeaders: Record<string, string> = { 'content-type': 'application/json' };

/** `kustomization/apps.flux-system`: how messages name the object. */
export function objectLabel(event: FluxEvent): string {
  const { kind, name, namespace } = event.involvedObject;
  return `${kind.toLowerCase()}/${name}.${namespace}`;
}

/** Metadata in the order in which it is shown: sorted, the summary first. */
export function sortedMetadata(event: FluxEvent): [string, string][] {
  const rank = (key: string) => (key === 'summary' ? 0 : 1);
  return Object.entries(event.metadata ?? {}).sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
}

/** At most `limit` characters, with a mark where something was cut; never half a surrogate pair. */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const cut = text.slice(0, limit - 1);
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
