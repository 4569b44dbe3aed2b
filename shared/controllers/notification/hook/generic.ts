import type { ReceiverType } from './receiver-type.ts';

/** Whoever knows the path may call it: the path itself is the secret. */
export const generic: ReceiverType = { headers: [], secretHeaders: [], verify: () => undefined };
