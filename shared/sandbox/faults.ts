import { causeMessage, errorsText, type FieldError } from './objects/field-error.ts';

/** What goes wrong in a request, as metav1.Status tells it. */

export interface StatusCause {
  reason?: string;
  message: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** A request that is refused. `status` is the HTTP status, `reason` what clients tell errors apart by. */
export class Fault extends Error {
  readonly status: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  constructor(status: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.name = 'Fault';
    this.status = status;
    this.reason = reason;
    this.details = details;
  }

  toStatus(): Record<string, unknown> {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason ? { reason: this.reason } : {}),
      ...(this.details ? { details: this.details } : {}),
      code: this.status,
    };
  }
}

/** A resource as messages name it. */
export interface Named {
  group: string;
  plural: string;
}

function qualified({ group, plural }: Named): string {
  return group === '' ? plural : `${plural}.${group}`;
}

function about(resource: Named, name: string): StatusDetails {
  return { name, ...(resource.group ? { group: resource.group } : {}), kind: resource.plural };
}

export function notFound(resource: Named, name: string): Fault {
  return new Fault(404, 'NotFound', `${qualified(resource)} "${name}" not found`, about(resource, name));
}

/** The path itself leads nowhere: an unknown group, version or resource. */
export function noSuchPath(): Fault {
  return new NoSuchPath(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** Told as a text, not as a Status, where not even the group is known. */
export class NoSuchPath extends Fault {}

export function alreadyExists(resource: Named, name: string): Fault {
  return new Fault(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`, about(resource, name));
}

export function conflict(resource: Named, name: string, message: string): Fault {
  const text = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${message}`;
  return new Fault(409, 'Conflict', text, about(resource, name));
}

export const staleMessage =
  'the object has been modified; please apply your changes to the latest version and try again';

export function badRequest(message: string): Fault {
  return new Fault(400, 'BadRequest', message);
}

export function forbidden(resource: Named, name: string, message: string, causes?: StatusCause[]): Fault {
  const subject = name ? `${qualified(resource)} "${name}"` : qualified(resource);
  const details = { ...about(resource, name), ...(causes ? { causes } : {}) };
  if (!name) delete details.name;
  return new Fault(403, 'Forbidden', `${subject} is forbidden: ${message}`, details);
}

export function unauthorized(): Fault {
  return new Fault(401, 'Unauthorized', 'Unauthorized');
}

export function methodNotAllowed(): Fault {
  return new Fault(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function tooLarge(message: string): Fault {
  return new Fault(413, 'RequestEntityTooLarge', message);
}

export function expired(message: string): Fault {
  return new Fault(410, 'Expired', message);
}

export function unsupportedMediaType(supported: string[]): Fault {
  const message = `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')}`;
  return new Fault(415, 'UnsupportedMediaType', message);
}

export function notAcceptable(supported: string[]): Fault {
  return new Fault(406, 'NotAcceptable', `only the following media types are accepted: ${supported.join(', ')}`);
}

/** 422: the object is well-formed, yet not valid. */
export function invalid(group: string, kind: string, name: string, errors: FieldError[]): Fault {
  const causes = errors.map(error => ({ reason: error.type, message: causeMessage(error), field: error.field }));
  return new Fault(422, 'Invalid', `${group ? `${kind}.${group}` : kind} "${name}" is invalid: ${errorsText(errors)}`, {
    ...(name ? { name } : {}),
    ...(group ? { group } : {}),
    ...(kind ? { kind } : {}),
    causes,
  });
}
