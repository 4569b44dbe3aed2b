/** A patch that cannot be applied. `status` is what the API server answers: 400 for a bad patch, 422 for one that does not fit the object, 500 for one that
 * names no place in it. */
export class PatchError extends Error {
  readonly code: 'BadRequest' | 'Invalid' | '';
  readonly status: 400 | 422 | 500;
  /** What went wrong, where the message (the API server's own) does not say. */
  readonly detail: string;

  constructor(status: 400 | 422 | 500, detail: string) {
    super(status === 422 ? 'the server rejected our request due to an error in our request' : detail);
    this.detail = detail;
    this.name = 'PatchError';
    this.status = status;
    this.code = status === 400 ? 'BadRequest' : status === 422 ? 'Invalid' : '';
  }
}
