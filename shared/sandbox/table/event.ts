import { convertEvent } from '../resources/conversion.ts';
import { columnsOf, type Printer } from './columns.ts';
import { age } from './durations.ts';

/** Events of both API versions. */
export const eventPrinter: Printer = {
  columns: columnsOf('Last Seen|Type|Reason|Object|Subobject+|Source+|Message|First Seen+|Count+|Name+'),
  cells: (object, now) => {
    const event = convertEvent(object, 'v1');
    const first = age(event.firstTimestamp ?? event.eventTime, now);
    const { series, involvedObject = {}, source = {} } = event;
    const last = series
      ? age(series.lastObservedTime, now)
      : event.lastTimestamp
        ? age(event.lastTimestamp, now)
        : first;
    const kind = String(involvedObject.kind ?? '').toLowerCase();
    const origin = [source.component || event.reportingComponent, source.host || event.reportingInstance];
    return [
      last,
      event.type ?? '',
      event.reason ?? '',
      involvedObject.name ? `${kind}/${involvedObject.name}` : kind,
      involvedObject.fieldPath ?? '',
      origin.filter(part => part).join(', '),
      String(event.message ?? '').trim(),
      first,
      series?.count ?? (event.count || 1),
      event.metadata.name,
    ];
  },
};
