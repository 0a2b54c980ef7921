/**
 * The grammar of paths: which characters a segment may hold, and how a template names an id.
 *
 * Requests, rules and route lists share it, so that a row that was accepted can be called. A percent
 * sign, `//`, `;`, `\` and segments of dots alone are in no grammar, because servers read them
 * differently. Pure, no I/O.
 *
 * Characters of a path: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
 */

/**
 * The characters of a segment for a regular expression: the unreserved ones, and those that real paths
 * hold, such as `/v1beta/models/x:generateContent`, `/npm/@scope/pkg` and `/files/a+b.txt`. A URL parser
 * changes none of them: https://url.spec.whatwg.org/#path-percent-encode-set
 */
export const SEGMENT_CHARACTERS = "A-Za-z0-9\\-._~:@+,()!'=$&";

/** Longest id, in characters. */
export const ID_MAX_LENGTH = 128;
const segmentPattern = new RegExp(`^(?!\\.+$)[${SEGMENT_CHARACTERS}]+$`);
const plainIdPattern = new RegExp(`^[A-Za-z0-9_-]{1,${ID_MAX_LENGTH}}$`);
// What an id may hold beyond letters, digits, "_" and "-", if its template says so.
const declared = "[.~:@+,!'=$&]+";
const ruleIdPattern = new RegExp(`^:([A-Za-z][A-Za-z0-9_]*)(?:\\((${declared})\\))?$`);
const listIdPattern = new RegExp(`^\\{([a-z][a-z0-9_-]*)(?:\\((${declared})\\))?\\}$`);
const templateIdPattern = new RegExp(`^\\{(.*?)(?:\\((${declared})\\))?\\}$`);

/** An id in a template. */
export interface TemplateId {
  /** The name that reserved words go by. */
  readonly kind: string;
  /** Characters that it may hold beyond letters, digits, `_` and `-`; empty for none. */
  readonly characters: string;
}

/** Tells whether a segment holds only characters that every server reads alike, and not dots alone. */
export function isSegment(segment: string): boolean {
  return segmentPattern.test(segment);
}

/**
 * Tells whether a segment of a rule or a route list stands for itself. One that starts with a colon is
 * an id, or is meant as one where ids are written otherwise.
 */
export function isLiteral(segment: string): boolean {
  return segmentPattern.test(segment) && !segment.startsWith(':');
}

/** Reads an id of a key's rule, such as `:id` or `:file(.@)`. Returns `null` for any other segment. */
export function readRuleId(segment: string): TemplateId | null {
  return readId(ruleIdPattern, segment);
}

/** Reads an id of a route list, such as `{stream}` or `{file(.@)}`. Returns `null` for any other segment. */
export function readListId(segment: string): TemplateId | null {
  return readId(listIdPattern, segment);
}

/** Reads an id of a template that was accepted, whatever its kind is called. */
export function readTemplateId(segment: string): TemplateId | null {
  return segment.startsWith('{') ? readId(templateIdPattern, segment) : null;
}

/** Writes an id into a template. */
export function templateIdText({ kind, characters }: TemplateId): string {
  return characters === '' ? `{${kind}}` : `{${kind}(${characters})}`;
}

/** Returns the pattern of an id: 1 to 128 letters, digits, `_`, `-` and the declared characters. */
export function idPatternFor(characters: string): RegExp {
  if (characters === '') return plainIdPattern;
  // None of the characters that can be declared has a meaning inside the brackets.
  return new RegExp(`^(?!\\.+$)[${characters}A-Za-z0-9_-]{1,${ID_MAX_LENGTH}}$`);
}

/**
 * Returns the part of an id that a server could take for the whole, in lower case. Rails reads
 * `hook.json` as `hook` in JSON, and other characters part a name from an option elsewhere.
 */
export function nameInId(id: string): string {
  return id.replace(/[^A-Za-z0-9_-].*$/s, '').toLowerCase();
}

function readId(pattern: RegExp, segment: string): TemplateId | null {
  const [, kind, characters = ''] = pattern.exec(segment) ?? [];
  return kind === undefined ? null : { kind, characters };
}
