/** A deep copy of a JSON value; several times quicker than structuredClone on objects of this size. */
export function clone<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(clone) as T;
  const copy: Record<string, unknown> = {};
  for (const key in value) {
    const field = (value as Record<string, unknown>)[key];
    // A field called __proto__ must stay a field.
    if (key === '__proto__')
      Object.defineProperty(copy, key, { value: clone(field), enumerable: true, writable: true });
    else if (field !== undefined) copy[key] = clone(field);
  }
  return copy as T;
}
