import type { ReceiverType } from './receiver-type.ts';
import { requireEvent } from './receiver-type.ts';
import { HookRejected } from './request.ts';
import { verifySignature } from './signature.ts';

/** GitHub, and what sends the same headers (Gitea, Forgejo): the SHA-256 signature, or the older SHA-1 one without it. */
export const github: ReceiverType = {
  headers: ['x-hub-signature-256', 'x-hub-signature', 'x-github-event', 'content-type'],
  secretHeaders: [],
  verify(request, token, events) {
    const sha256 = request.header('x-hub-signature-256');
    if (sha256) verifySignature('X-Hub-Signature-256', sha256, request.body, token);
    else verifySignature('X-Hub-Signature', request.header('x-hub-signature'), request.body, token);
    const contentType = (request.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
    if (contentType !== 'application/json' && contentType !== 'application/x-www-form-urlencoded')
      throw new HookRejected(
        `the Content-Type ${JSON.stringify(contentType.slice(0, 100))} is not one GitHub sends; choose application/json for the webhook`,
      );
    requireEvent('GitHub', request.header('x-github-event') ?? '', events);
  },
};
