/**
 * Runs `act` on each item, at most `atOnce` at a time, taken in order. Throws the first failure, after which no item is
 * begun, once what was under way has ended: nothing is left running behind the caller's back.
 */
export async function inParallel<T>(
  items: Iterable<T>,
  atOnce: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failure: { error: unknown } | undefined;
  const worker = async () => {
    for (let next = iterator.next(); !next.done && !failure; next = iterator.next())
      await act(next.value).catch(error => {
        failure ??= { error };
      });
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failure) throw failure.error;
}
