/** What can go wrong on the way to a server. */
export type NetworkErrorCode =
  /** Certificates or keys that cannot be used, a proxy address that is none, credentials no header may hold. */
  | 'InvalidCredentials'
  /** The URL is not one of http or https. */
  | 'InvalidUrl'
  /** DNS, TCP, or a connection that broke. */
  | 'Unreachable'
  /** The server's certificate, or ours, was not accepted. */
  | 'TlsFailed'
  /** The host is, or resolves to, an address that is never connected to. */
  | 'AddressRefused'
  | 'RedirectRefused'
  /** The proxy cannot be used, or does not connect us. */
  | 'ProxyFailed'
  /** More bytes than the caller allows. */
  | 'TooLarge'
  /** Nothing came for as long as is waited. */
  | 'Timeout'
  /** The caller's signal was aborted. */
  | 'Canceled';

/** The one error of this room; `code` tells what happened, `message` where, and what to do about it. */
export class NetworkError extends Error {
  readonly code: NetworkErrorCode;
  constructor(code: NetworkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NetworkError';
    this.code = code;
  }
}

/** Text of a server, fit for a condition or a log: no control characters, bounded. */
export function foreignText(text: string, limit = 300): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  const clean = text.replace(/[\u0000-\u0020\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g, ' ').trim();
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}

/**
 * Turns what sockets throw into the room's error. `where` names the server in the message, without credentials. What an
 * aborted signal caused is told as its reason when that is an Error with a `code` of its own.
 */
export function networkError(error: unknown, where: string, signal?: AbortSignal): Error {
  if (signal?.aborted) {
    const reason: unknown = signal.reason;
    const own = reason instanceof Error && 'code' in reason && typeof reason.code === 'string';
    if (own && reason.name !== 'AbortError') return reason;
    return new NetworkError('Canceled', `the request to ${where} was canceled`, { cause: reason });
  }
  if (error instanceof NetworkError) return error;
  const causes = error instanceof AggregateError && error.errors.length > 0 ? error.errors : [error];
  const messages = causes.map(cause => (cause instanceof Error ? cause.message : String(cause)));
  const refused = causes.find(cause => codeOf(cause) === 'AddressRefused');
  if (refused) return new NetworkError('AddressRefused', messageOf(refused), { cause: refused });
  const own = causes.find(cause => cause instanceof NetworkError);
  if (own) return own;
  const code = codeOf(causes[0]);
  if (/CERT|SSL|TLS|ERR_OSSL|EPROTO|SIGNATURE|ISSUER|HOSTNAME/.test(code))
    return new NetworkError(
      'TlsFailed',
      `${where}: ${messages[0]} (a private authority goes into the Secret's ca.crt)`,
      { cause: error },
    );
  return new NetworkError('Unreachable', `cannot reach ${where}: ${[...new Set(messages)].join('; ')}`, {
    cause: error,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return '';
}
