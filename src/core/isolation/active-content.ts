/**
 * Tells which responses a browser could execute as a document of the host that they come from.
 *
 * The management page shares its host with the API unless `MANAGE_HOST` is set. A document of the API
 * would run scripts with the page's origin, and could do whatever the page can. Pure, no I/O.
 *
 * MIME types: https://mimesniff.spec.whatwg.org/#parsing-a-mime-type
 */

/**
 * The policy that takes the origin away from such a document. Never `allow-same-origin`: scripts keep
 * running, but as those of a stranger, without this host's cookies, storage and service workers.
 * https://html.spec.whatwg.org/multipage/browsers.html#sandboxed-origin-browsing-context-flag
 */
export const SANDBOX_POLICY =
  'sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads';

/**
 * The fate of a response's own policy. `sandboxed`: ours is appended to it. `removed`: a cache has to keep the
 * policies that it stored with the document.
 */
export type PolicyFate = 'kept' | 'sandboxed' | 'removed';

/**
 * Returns what happens to the policy of a response with this status and `Content-Type`.
 *
 * A 304 has no content of its own. A cache takes its fields over into a stored response, of a type that is
 * unknown here (https://www.rfc-editor.org/rfc/rfc9111#section-3.2). A policy of the API would replace the
 * sandbox of a stored page; ours would replace that of a stored PDF, which no browser shows in a sandbox.
 * Without any, each stored response keeps what it was first sent with. A 304 need not repeat the policy:
 * https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5
 */
export function fateOfPolicy(status: number, contentType: string | null): PolicyFate {
  // With an active type, a cache may turn a stored text into a page.
  if (status === 304 && (contentType === null || !isActiveContent(contentType))) return 'removed';
  return isActiveContent(contentType) ? 'sandboxed' : 'kept';
}

/** Types besides `*+xml` whose documents may run scripts, in some browser that is in use. */
const activeTypes = new Set([
  'text/html',
  'text/xml',
  'application/xml',
  // Chromium and WebKit read it as XML.
  'text/xsl',
  'application/xslt',
  // Firefox reads it as XML.
  'text/rdf',
  // XML in older browsers.
  'application/xml-dtd',
  'text/xml-external-parsed-entity',
  'application/xml-external-parsed-entity',
  // "The type is not known": browsers look at the bytes instead.
  // https://mimesniff.spec.whatwg.org/#mime-type-sniffing-algorithm
  'unknown/unknown',
  'application/unknown',
]);

/** Containers whose parts have types of their own: Firefox shows the parts of multipart responses. */
const activeTopLevelTypes = new Set(['multipart', 'message']);

const tokenCharacters = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const typePattern = new RegExp(`^[ \\t]*(${tokenCharacters})/(${tokenCharacters})[ \\t]*(?:;|$)`);

/**
 * Returns whether a browser could execute a response with this `Content-Type` as a document. `null`
 * is a response without one. A list of types counts as the worst of them, because browsers disagree
 * about which one holds, and so does what cannot be parsed. PDF does not count: its scripts are not
 * those of a web page.
 */
export function isActiveContent(contentType: string | null): boolean {
  if (contentType === null) return true;
  const types = splitList(contentType);
  return types === null || types.some(isActiveType);
}

function isActiveType(text: string): boolean {
  const [, writtenType, writtenSubtype] = typePattern.exec(text) ?? [];
  if (writtenType === undefined || writtenSubtype === undefined) return true;
  const type = writtenType.toLowerCase();
  const subtype = writtenSubtype.toLowerCase();
  return (
    subtype.endsWith('+xml') ||
    type === '*' ||
    activeTopLevelTypes.has(type) ||
    activeTypes.has(`${type}/${subtype}`)
  );
}

/**
 * Splits at the commas outside quotes. Returns `null` if a quote does not close: readers disagree about
 * where such a value ends. https://fetch.spec.whatwg.org/#header-value-get-decode-and-split
 */
function splitList(value: string): readonly string[] | null {
  if (!/[",]/.test(value)) return [value];
  const items: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let index = 0; index < value.length; index++) {
    const character = value[index];
    if (isQuoted && character === '\\') index++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === ',' && !isQuoted) {
      items.push(value.slice(start, index));
      start = index + 1;
    }
  }
  if (isQuoted) return null;
  items.push(value.slice(start));
  return items;
}
