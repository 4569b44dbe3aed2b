import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { SQSMessageAttribute, SQSRecord } from 'aws-lambda';

/** Of which queue a record tells. */
export interface QueueOrigin {
  arn: string;
  region: string;
}

/** A message as Lambda's event source mapping hands it to a function (Lambda developer guide, "Using Lambda with Amazon SQS"). */
export function recordOf(message: Message, { arn, region }: QueueOrigin): SQSRecord {
  const { SequenceNumber, ...attributes } = message.Attributes ?? {};
  return {
    messageId: message.MessageId!,
    receiptHandle: message.ReceiptHandle!,
    body: message.Body ?? '',
    attributes: {
      ...(attributes as unknown as SQSRecord['attributes']),
      // SQS's have twenty digits.
      ...(SequenceNumber !== undefined && { SequenceNumber: SequenceNumber.padStart(20, '0') }),
    },
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, attributeOf(value)]),
    ),
    ...(message.MD5OfMessageAttributes && { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    md5OfBody: message.MD5OfBody!,
    eventSource: 'aws:sqs',
    eventSourceARN: arn,
    awsRegion: region,
  };
}

function attributeOf({ StringValue, BinaryValue, DataType }: MessageAttributeValue): SQSMessageAttribute {
  return {
    ...(StringValue !== undefined && { stringValue: StringValue }),
    ...(BinaryValue !== undefined && { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
    stringListValues: [],
    binaryListValues: [],
    dataType: DataType as SQSMessageAttribute['dataType'],
  };
}
