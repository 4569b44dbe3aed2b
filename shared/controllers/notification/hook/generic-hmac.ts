import type { ReceiverType } from './receiver-type.ts';
import { verifySignature } from './signature.ts';

/** `X-Signature: sha256=<hex>` over the body. */
export const genericHmac: ReceiverType = {
  headers: ['x-signature'],
  secretHeaders: [],
  verify: (request, token) => verifySignature('X-Signature', request.header('x-signature'), request.body, token),
};
