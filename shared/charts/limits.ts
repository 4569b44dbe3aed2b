/** Bounds of source-controller: what is larger is refused by it, and so by us. Bytes. */

/** An index. */
export const maxIndexSize = 50 * 2 ** 20;
/** A chart's archive. */
export const maxChartSize = 10 * 2 ** 20;
/** A file of a chart. */
export const maxChartFileSize = 5 * 2 ** 20;

/** What an archive may unpack to; as Helm bounds it. */
export const maxUnpackedSize = 100 * 2 ** 20;
/** Files of a chart. */
export const maxChartFiles = 20_000;
