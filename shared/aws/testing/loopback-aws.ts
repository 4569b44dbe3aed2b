/** STS and EKS as far as Sluice asks them, on loopback: the SDK's own requests in, what AWS answers out. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Keys } from './token-check.ts';

export const account = '111122223333';

export interface Asked {
  operation: string;
  /** Whose keys signed it. */
  accessKeyId: string;
  parameters: Record<string, string>;
}

/** What an operation answers in place of what it does. */
export type Refusal = { status: number; code: string; message: string } | { status: number; text: string };

/** The parts of EKS's description of a cluster that matter; others are left out, as they are for older clusters. */
export interface Description {
  name: string;
  status: string;
  endpoint?: string | undefined;
  certificateAuthority?: { data?: string };
  resourcesVpcConfig?: { endpointPublicAccess?: boolean; publicAccessCidrs?: string[] };
  accessConfig?: { authenticationMode: string };
}

interface Refused {
  refusal: Refusal;
  times: number;
}

export class LoopbackAws {
  readonly asked: Asked[] = [];
  readonly clusters = new Map<string, Description>();
  /** By principal: the policies of its access entry. */
  readonly entries = new Map<string, string[]>();
  /** Roles by ARN, and who may assume them. */
  readonly roles = new Map<string, string[]>();
  /** How far ahead of this machine AWS's clock is. */
  clockAheadMs = 0;
  /** Of the credentials of assumed roles. */
  sessionMs = 3600_000;
  readonly #people = new Map<string, { keys: Keys; arn: string }>();
  readonly #refused = new Map<string, Refused>();
  readonly #server = createServer(async (request, response) => {
    const answer = await this.#answer(request);
    response.sendDate = false;
    const date = new Date(this.now()).toUTCString();
    response.writeHead(answer.status, { ...answer.headers, date, connection: 'close' }).end(answer.text);
  });
  #sessions = 0;

  static async start(): Promise<LoopbackAws> {
    const aws = new LoopbackAws();
    await new Promise<void>(resolve => aws.#server.listen(0, '127.0.0.1', resolve));
    return aws;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  now(): number {
    return Date.now() + this.clockAheadMs;
  }

  /** Gives someone keys. */
  know(arn: string, keys: Keys): void {
    this.#people.set(keys.accessKeyId, { arn, keys });
  }

  /** Takes keys away. */
  forget(keys: Keys): void {
    this.#people.delete(keys.accessKeyId);
  }

  keysOf(accessKeyId: string): Keys | undefined {
    return this.#people.get(accessKeyId)?.keys;
  }

  /** The user or role whose keys these are, as access entries name it. */
  principalOf({ accessKeyId }: Keys): string {
    const arn = this.#people.get(accessKeyId)?.arn ?? '';
    const role = [...this.roles.keys()].find(known => sessionArn(known, '').startsWith(arn.replace(/[^/]*$/, '')));
    return role ?? arn;
  }

  refuse(operation: string, refusal: Refusal, times = Number.POSITIVE_INFINITY): void {
    this.#refused.set(operation, { refusal, times });
  }

  operations(): string[] {
    return this.asked.map(({ operation }) => operation);
  }

  /** Everything as at the start, but for the address. */
  reset(): void {
    for (const kept of [this.clusters, this.entries, this.roles, this.#people, this.#refused]) kept.clear();
    this.asked.length = 0;
    this.clockAheadMs = 0;
    this.sessionMs = 3600_000;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; headers: Record<string, string>; text: string }> {
    let body = '';
    for await (const chunk of request) body += chunk;
    const path = (request.url ?? '').split('/').slice(1).map(decodeURIComponent);
    const sts = request.method === 'POST' && request.url === '/';
    const parameters: Record<string, string> = sts
      ? Object.fromEntries(new URLSearchParams(body))
      : { name: path[1] ?? '', principalArn: path[3] ?? '', ...(body && JSON.parse(body)) };
    const operation = sts ? (parameters.Action ?? '') : eksOperation(request.method ?? '', path);
    const accessKeyId = /Credential=([^/,]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? '';
    this.asked.push({ operation, accessKeyId, parameters });
    const headers: Record<string, string> = {
      'content-type': sts ? 'text/xml' : 'application/json',
      'x-amzn-requestid': 'r-1',
    };
    const done = (): Refusal | string => {
      const refused = this.#refusal(operation);
      if (refused) return refused;
      const caller = this.#people.get(accessKeyId);
      if (caller?.keys.sessionToken !== request.headers['x-amz-security-token'] || !caller)
        return refusal(403, sts ? 'InvalidClientTokenId' : 'UnrecognizedClientException', 'The token is invalid.');
      return this.#operate(operation, parameters, caller);
    };
    const result = done();
    if (typeof result === 'string') return { status: 200, headers, text: result };
    if ('text' in result) return { status: result.status, headers, text: result.text };
    if (!sts) headers['x-amzn-errortype'] = result.code;
    return { status: result.status, headers, text: sts ? stsError(result) : JSON.stringify(result) };
  }

  #refusal(operation: string): Refusal | undefined {
    const found = this.#refused.get(operation);
    return found && found.times-- > 0 ? found.refusal : undefined;
  }

  #operate(operation: string, asked: Record<string, string>, caller: { keys: Keys; arn: string }): Refusal | string {
    switch (operation) {
      case 'GetCallerIdentity':
        return stsAnswer(
          operation,
          `<Arn>${caller.arn}</Arn><UserId>AIDA</UserId><Account>${caller.arn.split(':')[4]}</Account>`,
        );
      case 'AssumeRole':
        return this.#assume(asked, caller.arn);
      case 'DescribeCluster': {
        const cluster = this.clusters.get(asked.name!);
        if (!cluster) return refusal(404, 'ResourceNotFoundException', `No cluster found for name: ${asked.name}.`);
        return JSON.stringify({
          cluster: { arn: `arn:aws:eks:eu-west-1:${account}:cluster/${asked.name}`, ...cluster },
        });
      }
      case 'DescribeAccessEntry': {
        const principalArn = asked.principalArn!;
        if (!this.entries.has(principalArn))
          return refusal(404, 'ResourceNotFoundException', 'The specified principalArn could not be found.');
        return JSON.stringify({ accessEntry: { principalArn } });
      }
      case 'CreateAccessEntry': {
        const principal = asked.principalArn!;
        if (this.entries.has(principal))
          return refusal(409, 'ResourceInUseException', 'The specified access entry resource is already in use.');
        if (principal !== caller.arn && !this.roles.has(principal))
          return refusal(400, 'InvalidParameterException', 'The specified principalArn is invalid: invalid principal.');
        this.entries.set(principal, []);
        return JSON.stringify({ accessEntry: { principalArn: principal } });
      }
      case 'AssociateAccessPolicy':
        this.entries.get(asked.principalArn!)!.push(asked.policyArn!);
        return JSON.stringify({ principalArn: asked.principalArn });
      default:
        return refusal(400, 'UnknownOperationException', operation);
    }
  }

  #assume({ RoleArn = '', RoleSessionName = '' }: Record<string, string>, caller: string): Refusal | string {
    if (!this.roles.get(RoleArn)?.includes(caller))
      return refusal(
        403,
        'AccessDenied',
        `User: ${caller} is not authorized to perform: sts:AssumeRole on resource: ${RoleArn}`,
      );
    const number = ++this.#sessions;
    // With the characters that base64 has and URLs have not.
    const keys = {
      accessKeyId: `ASIASESSION${number}`,
      secretAccessKey: `role/secret+${number}=`,
      sessionToken: `role//session++token==${number}`,
    };
    this.know(sessionArn(RoleArn, RoleSessionName), keys);
    const expiration = new Date(this.now() + this.sessionMs).toISOString();
    return stsAnswer(
      'AssumeRole',
      `<Credentials><AccessKeyId>${keys.accessKeyId}</AccessKeyId><SecretAccessKey>${keys.secretAccessKey}</SecretAccessKey><SessionToken>${keys.sessionToken}</SessionToken><Expiration>${expiration}</Expiration></Credentials>`,
    );
  }
}

/** What STS calls a session of the role: the role's path is not in it. */
export function sessionArn(role: string, session: string): string {
  const [, , , , number, resource = ''] = role.split(':');
  return `arn:aws:sts::${number}:assumed-role/${resource.split('/').at(-1)}/${session}`;
}

function eksOperation(method: string, path: string[]): string {
  if (method === 'GET' && path.length === 2) return 'DescribeCluster';
  if (method === 'GET' && path[2] === 'access-entries' && path.length === 4) return 'DescribeAccessEntry';
  if (method === 'POST' && path[2] === 'access-entries')
    return path[4] === 'access-policies' ? 'AssociateAccessPolicy' : 'CreateAccessEntry';
  return `${method} ${path.join('/')}`;
}

function refusal(status: number, code: string, message: string): Refusal {
  return { status, code, message };
}

const xmlns = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';

function stsAnswer(operation: string, result: string): string {
  return `<${operation}Response ${xmlns}><${operation}Result>${result}</${operation}Result><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></${operation}Response>`;
}

function stsError({ code, message }: { code: string; message: string }): string {
  return `<ErrorResponse ${xmlns}><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`;
}
