import { createHmac } from 'node:crypto';
import type { FluxEvent } from '../event/flux-event.ts';
import { type Destination, jsonHeaders, type Post, PostFailed, type ProviderType } from './provider-type.ts';

/** The event itself, as JSON, to any web server. */
export const generic: ProviderType = { encode: forward };

/** The same with `X-Signature: sha256=<hex>` over the body, keyed by the Secret's token. */
export const genericHmac: ProviderType = {
  encode(event, destination) {
    if (!destination.token)
      throw new PostFailed("the key for the signature is missing: put a 'token' into the Secret of spec.secretRef", {
        retry: false,
      });
    const post = forward(event, destination);
    const signature = createHmac('sha256', destination.token).update(post.body).digest('hex');
    return { ...post, headers: { ...post.headers, 'x-signature': `sha256=${signature}` } };
  },
};

function forward(event: FluxEvent, { address, headers }: Destination): Post {
  const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    url: address,
    headers: { ...jsonHeaders, 'gotk-component': event.reportingController, ...own },
    body: JSON.stringify(event),
  };
}
