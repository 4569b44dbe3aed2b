import { generic } from './generic.ts';
import { genericHmac } from './generic-hmac.ts';
import { github } from './github.ts';
import { gitlab } from './gitlab.ts';
import type { ReceiverType } from './receiver-type.ts';

const receiverTypes: Record<string, ReceiverType> = {
  generic,
  'generic-hmac': genericHmac,
  github,
  gitlab,
};

/** undefined for a type that is not built. */
export function receiverTypeOf(name: string): ReceiverType | undefined {
  return Object.hasOwn(receiverTypes, name) ? receiverTypes[name] : undefined;
}

/** What must be kept of a request whose Receiver is not known yet: the headers of all types. */
export function keptHeaders(): { headers: string[]; secretHeaders: string[] } {
  const types = Object.values(receiverTypes);
  return {
    // Filters ask whether the body is JSON.
    headers: [...new Set(['content-type', ...types.flatMap(type => type.headers)])],
    secretHeaders: [...new Set(types.flatMap(type => type.secretHeaders))],
  };
}
