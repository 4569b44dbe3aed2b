import * as z from 'zod';
import { foreignText } from '../network/errors.ts';
import { OciError, type OciErrorCode } from './errors.ts';

/** How registries tell of errors (OCI distribution specification, "Error codes"). */
const Errors = z.object({
  errors: z.array(z.object({ code: z.string().optional(), message: z.string().nullish() })).min(1),
});

/** What the registry says went wrong, in its words: `MANIFEST_UNKNOWN: manifest unknown`; empty when it says nothing. */
function words(body: Buffer): string {
  const parsed = Errors.safeParse(jsonOf(body));
  if (!parsed.success) return '';
  const said = parsed.data.errors.map(({ code, message }) => [code, message].filter(Boolean).join(': '));
  return foreignText(said.filter(Boolean).join('; '), 300);
}

/** The JSON of a body; undefined for what is none. */
export function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The error that an answer means. `what` was asked for; `body`: the beginning of what was answered. */
export function answerError(
  what: string,
  status: number,
  body: Buffer,
  options: { signedIn: boolean; afterMs?: number | undefined },
): OciError {
  const said = words(body);
  const tail = said ? `: ${said}` : '';
  const afterMs = options.afterMs;
  return new OciError(codeOf(status), `${what}: ${meaning(status, options.signedIn)}${tail}`, { afterMs });
}

function codeOf(status: number): OciErrorCode {
  if (status === 401) return 'AuthenticationFailed';
  if (status === 403) return 'Denied';
  if (status === 404) return 'NotFound';
  if (status === 429) return 'TooManyRequests';
  return status >= 500 ? 'ServerError' : 'NotRegistry';
}

function meaning(status: number, signedIn: boolean): string {
  switch (status) {
    case 401:
      return signedIn
        ? 'the registry does not accept the credentials (401)'
        : 'the registry wants credentials (401); give them by spec.secretRef, spec.serviceAccountName or spec.provider';
    case 403:
      return 'the registry does not allow it (403)';
    case 404:
      return 'not found (404)';
    case 429:
      return 'the registry answers too many requests (429)';
    default:
      return status >= 500
        ? `the registry failed (${status})`
        : `the registry answers ${status}, which its protocol does not have here`;
  }
}
