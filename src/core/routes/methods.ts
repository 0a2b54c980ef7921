/**
 * Methods: those that rules can name, and those that are forwarded at all. Pure data.
 *
 * Methods are case-sensitive: https://www.rfc-editor.org/rfc/rfc9110#section-9.1
 */

/** The methods that a rule or a route can name. In a rule, `*` stands for all of them and for no other. */
export const ROUTE_METHODS: readonly string[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
];

/**
 * Methods that are never forwarded. TRACE and TRACK ask the upstream to send back what it received,
 * which holds the upstream's own credentials, and CONNECT asks for a tunnel.
 * https://fetch.spec.whatwg.org/#forbidden-method
 */
const forbiddenMethods: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

// Registered names have at most 17 characters. A method in lower case is another method, which the
// runtime refuses: a page that sends "patch" must read its name in the console.
const methodPattern = /^[A-Z][A-Z0-9_-]{0,19}$/;

/** Tells whether a key with full access may send this method. */
export function isForwardedMethod(method: string): boolean {
  return methodPattern.test(method) && !forbiddenMethods.has(method);
}
