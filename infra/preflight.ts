/** What is asked of AWS before anything is deployed: each answer that would make the deployment fail later, with what to do. */

import { explainAws } from './aws-refusal.ts';
import type { Config } from './config-schema.ts';
import { Problems } from './problems.ts';

/** Where, and by whom, it is deployed. */
export interface Where {
  account: string;
  region: string;
  /** ARN of who deploys. */
  caller: string;
}

/** Reasons why a deployment would fail; nothing was changed. */
export class PreflightError extends Problems {
  readonly code = 'PreflightFailed';
  override readonly name = 'PreflightError';
}

/** By itself the SDK waits for an answer without end. */
export const clientSettings = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
} as const;

/** The bootstrap's version that the templates' way of uploading needs. */
const bootstrapVersion = 6;

/** Asks everything. Throws a PreflightError with all that is wrong. */
export async function preflight(config: Config): Promise<Where> {
  const where = await whereOf(config);
  const problems = await Promise.all([bootstrapped(where), network(config, where), certificate(config, where)]);
  const found = problems.flat();
  if (found.length > 0) throw new PreflightError(found);
  return where;
}

/** Region and account, by the credentials. Throws a PreflightError: without them there is nothing else to ask. */
export async function whereOf(config: Config): Promise<Where> {
  const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
  const client = new STSClient({ ...clientSettings, ...(config.region && { region: config.region }) });
  const region = await client.config.region().catch(() => {
    throw new PreflightError(['no region is known; set `region` in sluice.yaml, or AWS_REGION']);
  });
  const answer = await client.send(new GetCallerIdentityCommand({})).catch(error => {
    throw new PreflightError([explainAws(error, { action: 'sts:GetCallerIdentity', region })]);
  });
  const where = { account: answer.Account ?? '', region, caller: answer.Arn ?? '' };
  if (config.account && config.account !== where.account)
    throw new PreflightError([
      `the credentials are of the account ${where.account} (${where.caller}), and the configuration says \`account: "${config.account}"\`; choose another profile (AWS_PROFILE), or correct the configuration`,
    ]);
  return where;
}

async function bootstrapped({ account, region }: Where): Promise<string[]> {
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
  const client = new SSMClient({ ...clientSettings, region });
  const command = `npx cdk bootstrap aws://${account}/${region}`;
  try {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: '/cdk-bootstrap/hnb659fds/version' }));
    const version = Number(Parameter?.Value);
    if (version >= bootstrapVersion) return [];
    return [
      `the CDK's bootstrap stack in ${region} has version ${Parameter?.Value}, at least ${bootstrapVersion} is needed; run \`${command}\``,
    ];
  } catch (error) {
    if ((error as Error).name === 'ParameterNotFound')
      return [
        `the CDK is not bootstrapped in ${region} of the account ${account}; run \`${command}\`, once per account and region`,
      ];
    return [explainAws(error, { action: 'ssm:GetParameter', region })];
  }
}

async function network({ vpc }: Config, { region }: Where): Promise<string[]> {
  if (!vpc) return [];
  const { DescribeSecurityGroupsCommand, DescribeSubnetsCommand, DescribeVpcsCommand, EC2Client } = await import(
    '@aws-sdk/client-ec2'
  );
  const client = new EC2Client({ ...clientSettings, region });
  // By filters: what is not there is then no error, and all that is missing is found at once.
  const only = (name: string, values: string[]) => ({ Filters: [{ Name: name, Values: values }] });
  try {
    const { Vpcs = [] } = await client.send(new DescribeVpcsCommand(only('vpc-id', [vpc.id])));
    if (Vpcs.length === 0) return [`vpc.id: there is no ${vpc.id} in ${region} of this account`];
    const { Subnets = [] } = await client.send(new DescribeSubnetsCommand(only('subnet-id', vpc.subnets)));
    const groups = vpc.securityGroups;
    const { SecurityGroups = [] } =
      groups.length > 0 ? await client.send(new DescribeSecurityGroupsCommand(only('group-id', groups))) : {};
    const known = [
      ...Subnets.map(subnet => [subnet.SubnetId, subnet.VpcId] as const),
      ...SecurityGroups.map(group => [group.GroupId, group.VpcId] as const),
    ];
    const belongs = new Map(known);
    return [
      ...vpc.subnets.flatMap((id, index) => misplaced(`vpc.subnets.${index}`, id, belongs.get(id), vpc.id, region)),
      ...groups.flatMap((id, index) => misplaced(`vpc.securityGroups.${index}`, id, belongs.get(id), vpc.id, region)),
    ];
  } catch (error) {
    const action = 'ec2:DescribeVpcs, ec2:DescribeSubnets and ec2:DescribeSecurityGroups';
    return [explainAws(error, { action, region })];
  }
}

function misplaced(option: string, id: string, of: string | undefined, vpc: string, region: string): string[] {
  if (of === vpc) return [];
  return [
    of
      ? `${option}: ${id} belongs to ${of}, not to ${vpc}`
      : `${option}: there is no ${id} in ${region} of this account`,
  ];
}

async function certificate({ domain }: Config, { region }: Where): Promise<string[]> {
  if (!domain) return [];
  const { ACMClient, DescribeCertificateCommand } = await import('@aws-sdk/client-acm');
  const option = 'domain.certificateArn';
  const of = domain.certificateArn.split(':')[3];
  if (of !== region)
    return [
      `${option}: the certificate is in ${of}, and this is deployed to ${region}, where it has to be; request or import one there`,
    ];
  const client = new ACMClient({ ...clientSettings, region });
  try {
    const command = new DescribeCertificateCommand({ CertificateArn: domain.certificateArn });
    const { DomainName, SubjectAlternativeNames = [], Status } = (await client.send(command)).Certificate ?? {};
    const names = [...new Set([...(DomainName ? [DomainName] : []), ...SubjectAlternativeNames])];
    return [
      ...(Status === 'ISSUED'
        ? []
        : [
            `${option}: the certificate is ${Status}; wait until it is ISSUED (with DNS validation, make the record that ACM asks for)`,
          ]),
      ...(names.some(name => covers(name, domain.name))
        ? []
        : [
            `${option}: the certificate is for ${names.join(', ')}, not for ${domain.name}; correct domain.name, or request one for it`,
          ]),
    ];
  } catch (error) {
    if ((error as Error).name === 'ResourceNotFoundException')
      return [`${option}: there is no certificate ${domain.certificateArn} in this account`];
    return [explainAws(error, { action: 'acm:DescribeCertificate', region })];
  }
}

/** Whether a certificate for `name` is one for `host`; a wildcard stands for one label. */
export function covers(name: string, host: string): boolean {
  if (name.toLowerCase() === host) return true;
  return name.startsWith('*.') && name.slice(1).toLowerCase() === host.slice(host.indexOf('.'));
}
