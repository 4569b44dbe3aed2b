import { RemovalPolicy } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  ApiMapping,
  DomainName,
  HttpApi,
  HttpMethod,
  HttpStage,
  LogGroupLogDestination,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnRecordSet } from 'aws-cdk-lib/aws-route53';
import { Construct } from 'constructs';
import type { Config } from '../config-schema.ts';

/** The HTTP API that Git servers call, under the paths of Receivers, `/hook/…`; anything else is answered 404 without a function. */
export class WebhookApi extends Construct {
  readonly api: HttpApi;
  readonly stage: HttpStage;
  /** Base URL, no trailing slash. */
  readonly url: string;
  /** What a record for the domain has to point to; absent without a domain. */
  readonly domainTarget: string | undefined;

  constructor(scope: Construct, id: string, target: IFunction, config: Config) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', {
      apiName: `${config.name}-webhook`,
      description: `Webhooks of Sluice (${config.name})`,
      createDefaultStage: false,
    });
    this.api.addRoutes({
      path: '/hook/{path+}',
      // Another method than POST is told so.
      methods: [HttpMethod.ANY],
      integration: new HttpLambdaIntegration('Webhook', target),
    });
    // The prefix keeps the log's policy from growing with each API of the account.
    const logs = new LogGroup(this, 'AccessLogs', {
      logGroupName: `/aws/vendedlogs/sluice/${config.name}/webhook`,
      retention: config.retention.logs,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      autoDeploy: true,
      throttle: { rateLimit: config.webhook.rate, burstLimit: config.webhook.burst },
      accessLogSettings: { destination: new LogGroupLogDestination(logs), format: accessLogFormat() },
    });
    const domain = config.domain && this.#domain(config.domain);
    this.url = domain ? `https://${domain.name}` : this.api.apiEndpoint;
    this.domainTarget = domain?.regionalDomainName;
  }

  #domain({ name, certificateArn, hostedZoneId }: NonNullable<Config['domain']>): DomainName {
    const domain = new DomainName(this, 'Domain', {
      domainName: name,
      certificate: Certificate.fromCertificateArn(this, 'Certificate', certificateArn),
      securityPolicy: SecurityPolicy.TLS_1_2,
    });
    new ApiMapping(this, 'Mapping', { api: this.api, domainName: domain, stage: this.stage });
    if (hostedZoneId)
      new CfnRecordSet(this, 'Record', {
        name,
        type: 'A',
        hostedZoneId,
        aliasTarget: { dnsName: domain.regionalDomainName, hostedZoneId: domain.regionalHostedZoneId },
      });
    return domain;
  }
}

/** No headers and no query: they hold tokens of some senders. The path is a secret of a kind, but says which Receiver was meant. */
function accessLogFormat(): AccessLogFormat {
  const field = (name: string) => `$context.${name}`;
  return AccessLogFormat.custom(
    JSON.stringify({
      time: field('requestTimeEpoch'),
      request: field('requestId'),
      ip: field('identity.sourceIp'),
      agent: field('identity.userAgent'),
      method: field('httpMethod'),
      path: field('path'),
      status: field('status'),
      bytes: field('responseLength'),
      ms: field('responseLatency'),
      integrationStatus: field('integrationStatus'),
      error: field('integrationErrorMessage'),
    }),
  );
}
