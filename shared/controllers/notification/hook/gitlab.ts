import type { ReceiverType } from './receiver-type.ts';
import { requireEvent } from './receiver-type.ts';
import { HookRejected } from './request.ts';

/** GitLab sends the token itself, as a header. */
export const gitlab: ReceiverType = {
  headers: ['x-gitlab-event'],
  secretHeaders: ['x-gitlab-token'],
  verify(request, token, events) {
    if (!request.secretHeaderIs('x-gitlab-token', token.toString()))
      throw new HookRejected("the X-Gitlab-Token header is not the Receiver's token");
    requireEvent('GitLab', request.header('x-gitlab-event') ?? '', events);
  },
};
