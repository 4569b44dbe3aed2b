import { foreignText } from '../../network/errors.ts';
import { type HttpClient, shown } from '../../network/http.ts';
import { notSignedIn } from '../errors.ts';
import { StorageError } from './object-storage.ts';
import type { S3Credentials } from './s3-sign.ts';
import { parseXml, textOf, type XmlElement } from './xml.ts';

/** Bytes of an answer: keys and some XML. */
const limit = 256 * 1024;

/**
 * Temporary keys for somebody whom an LDAP directory knows, by the request that MinIO's security token service takes
 * (AssumeRoleWithLDAPIdentity). `http` has the certificates for that service. Throws CloudError AuthenticationFailed.
 */
export async function ldapCredentials(
  http: HttpClient,
  endpoint: string,
  user: { username: string; password: string },
): Promise<S3Credentials> {
  const body = new URLSearchParams({
    Action: 'AssumeRoleWithLDAPIdentity',
    Version: '2011-06-15',
    LDAPUsername: user.username,
    LDAPPassword: user.password,
  }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await http.read({ method: 'POST', url: endpoint, headers, body }, limit).catch(cause => {
    throw notSignedIn('spec.sts.endpoint could not be asked', { cause });
  });
  const text = answer.body.toString('utf8');
  const where = shown(answer.url);
  if (answer.status < 200 || answer.status > 299) {
    const word = (name: string) => new RegExp(`<${name}>([^<]{0,500})</${name}>`).exec(text)?.[1];
    const said = foreignText([word('Code'), word('Message')].filter(Boolean).join(': '));
    throw notSignedIn(`the STS endpoint ${where} answers ${answer.status}${said ? `: ${said}` : ''}`);
  }
  const found = credentialsIn(text, where);
  const accessKeyId = found ? textOf(found, 'AccessKeyId') : '';
  const secretAccessKey = found ? textOf(found, 'SecretAccessKey') : '';
  if (!found || !accessKeyId || !secretAccessKey)
    throw notSignedIn(`the STS endpoint ${where} answers without credentials; is spec.sts.endpoint right?`);
  return { accessKeyId, secretAccessKey, sessionToken: textOf(found, 'SessionToken') || undefined };
}

/** The element Credentials, wherever it is. */
function credentialsIn(text: string, where: string): XmlElement | undefined {
  let root: XmlElement;
  try {
    root = parseXml(text, where);
  } catch (cause) {
    if (cause instanceof StorageError) return undefined;
    throw cause;
  }
  const pending = [root];
  for (let next = pending.shift(); next; next = pending.shift()) {
    if (next.name === 'Credentials') return next;
    pending.push(...next.children);
  }
  return undefined;
}
