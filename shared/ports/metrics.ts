/** The figures that are kept of an installation, and their units. */
export const metricUnits = {
  /** Reconciles that ran, of a kind; messages that were coalesced are none. */
  Reconciles: 'Count',
  /** Those of them that ended as failed or stalled, or without an end: the cluster did not answer, the worker threw. */
  ReconcileFailures: 'Count',
  ReconcileDuration: 'Milliseconds',
  /** From when the work item was sent, or its timer should have brought it, to the start. */
  QueueDelay: 'Milliseconds',
  /** Since the last completed look at the swept cluster that is furthest behind. */
  SweepAge: 'Seconds',
  /** Objects enqueued since they came due. */
  DueSent: 'Count',
  /** Messages that came into a dead-letter queue; each counts once. */
  DeadLetters: 'Count',
  NotificationsSent: 'Count',
  /** Attempts that failed, also those that are made again. */
  NotificationFailures: 'Count',
} as const;

export type MetricName = keyof typeof metricUnits;
export type Figures = Partial<Record<MetricName, number>>;

/** Something that happened, with its figures. */
export interface Measurement {
  /** What happened, in the words of a log line. */
  message: string;
  level?: 'info' | 'warn' | 'error';
  /** The toolkit kind that the figures are of; without it they are the installation's. */
  kind?: string;
  figures: Figures;
  /** What else a reader of the line wants to know: object, trace, outcome. Never a secret. */
  fields?: Record<string, unknown>;
  /** Says nothing but its figures: no line in a log that is only read by people. */
  figuresOnly?: boolean;
}

/**
 * Takes measurements. Each is a line of the log as well, so what is recorded here is not logged beside it. Cheap, and never
 * throws: what is measured must not suffer from it.
 */
export interface Metrics {
  record(measurement: Measurement): void;
  /** Metrics whose lines all carry these fields. */
  with(fields: Record<string, unknown>): Metrics;
}
