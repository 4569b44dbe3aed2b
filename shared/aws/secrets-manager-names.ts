/** What Secrets Manager takes for names and values. */

/** Longest name and value, as Secrets Manager has them: characters, and bytes of UTF-8. */
const maxNameLength = 512;
const maxValueBytes = 65_536;

/** A name or a value that Secrets Manager does not take. Never says the value. */
export class SecretRefused extends Error {
  readonly code: 'InvalidSecretName' | 'SecretTooLong' | 'SecretEmpty';
  constructor(code: SecretRefused['code'], message: string) {
    super(message);
    this.name = 'SecretRefused';
    this.code = code;
  }
}

/**
 * The secret's name in Secrets Manager: what is not a letter, a digit or one of /_+.@- is escaped as `=` and two hexadecimal digits
 * for each byte of UTF-8, so that no two names meet.
 */
export function secretId(prefix: string, name: string): string {
  if (!name.isWellFormed())
    throw new SecretRefused('InvalidSecretName', 'the name of a secret must be well-formed Unicode');
  const escaped = name.replace(/[^A-Za-z0-9/_+.@-]/gu, character =>
    [...Buffer.from(character)].map(byte => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
  // An empty name has a sign of its own, which no escaped one has.
  const id = prefix + (escaped || '=');
  if (id.length > maxNameLength)
    throw new SecretRefused(
      'InvalidSecretName',
      `the name ${id.slice(0, 60)}… of a secret has ${id.length} characters, Secrets Manager takes ${maxNameLength}`,
    );
  return id;
}

/** Throws SecretRefused when Secrets Manager cannot keep the value. */
export function checkSecret(id: string, value: string): void {
  const bytes = Buffer.byteLength(value);
  if (bytes === 0)
    throw new SecretRefused('SecretEmpty', `the secret ${id} is empty, which Secrets Manager does not take`);
  if (bytes > maxValueBytes)
    throw new SecretRefused(
      'SecretTooLong',
      `the secret ${id} has ${bytes} bytes, Secrets Manager takes ${maxValueBytes}; if it is a kubeconfig, leave in it only the cluster, user and context that are used (kubectl config view --minify --flatten)`,
    );
}
