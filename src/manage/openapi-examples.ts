/**
 * Examples of answers, made from their JSON Schemas: the example that a schema gives, or else a value that
 * fits it.
 */

type Json = Readonly<Record<string, unknown>>;

/** Returns a value that fits a JSON Schema without references. */
export function exampleOf(schema: Json): unknown {
  const { examples, enum: values, anyOf, type, properties, items, format, minimum } = schema;
  if (Array.isArray(examples)) return examples[0];
  if (schema['const'] !== undefined) return schema['const'];
  if (Array.isArray(values)) return values[0];
  if (Array.isArray(anyOf)) return exampleOf(anyOf[0] as Json);
  switch (type) {
    case 'object':
      return Object.fromEntries(
        Object.entries((properties ?? {}) as Readonly<Record<string, Json>>).map(
          ([name, entry]) => [name, exampleOf(entry)],
        ),
      );
    case 'array':
      return [exampleOf(items as Json)];
    case 'integer':
    case 'number':
      return minimum ?? 1;
    case 'boolean':
      return false;
    case 'null':
      return null;
    default:
      return format === 'date-time' ? '2030-01-31T12:00:00.000Z' : 'text';
  }
}
