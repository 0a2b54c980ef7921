import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalizeOriginPattern,
  type OriginProblem,
} from '../../../src/core/origins/pattern.ts';
import { originWarnings } from '../../../src/core/origins/warnings.ts';
import { admitsOrigin, compileOrigins, parseOrigin } from '../../../src/core/origins/web-origin.ts';
import { runs } from '../../support/runs.ts';

const label63 = 'a'.repeat(63);
const host251 = `${`${label63}.`.repeat(3)}${'b'.repeat(59)}`;
const scheme64 = `a${'b'.repeat(63)}`;

/** If `meant` is given, the fix proposes exactly that. Otherwise it is general advice. */
type RefusedRow = readonly [name: string, value: string, keyword: string, meant?: string];

const refused: readonly RefusedRow[] = [
  // Not an origin at all
  ['nothing', '', 'empty'],
  ['a blank', ' ', 'whitespace'],
  ['1001 characters', 'a'.repeat(1_001), 'longer than 1000 characters'],
  ['a long list', 'https://a.example,'.repeat(10_000), 'longer than 1000 characters'],
  ['null', 'null', 'opaque'],
  ['null in upper case', 'NULL', 'opaque'],
  ['null with a slash', 'null/', 'opaque'],

  // No scheme, or only part of what follows it
  ['a host', 'example.com', 'scheme', 'https://example.com'],
  ['a host in upper case', 'EXAMPLE.com', 'scheme', 'https://example.com'],
  ['a host and a slash', 'example.com/', 'scheme', 'https://example.com'],
  ['a host and a port', 'example.com:8443', 'scheme', 'https://example.com:8443'],
  ['a host and a wildcard port', 'example.com:*', 'scheme'],
  ['a host and a colon', 'example.com:', 'scheme'],
  ['a host and a path', 'example.com/path', 'scheme'],
  ['localhost', 'localhost', 'scheme', 'http://localhost'],
  ['localhost and a port', 'localhost:3000', 'scheme', 'http://localhost:3000'],
  ['a loopback address and a port', '127.0.0.1:8080', 'scheme', 'http://127.0.0.1:8080'],
  ['an IPv6 loopback address and a port', '[::1]:3000', 'scheme', 'http://[::1]:3000'],
  ['a bare IPv6 address', '2001:db8::1', 'scheme'],
  ['a bare IPv6 address that starts with a letter', 'fe80::1', 'scheme'],
  ['a wildcard host', '*.example.com', 'scheme', 'https://*.example.com'],
  ['a wildcard host and a port', '*.example.com:8443', 'scheme', 'https://*.example.com:8443'],
  ['a relative reference', '//example.com', 'scheme', 'https://example.com'],
  ['a colon and slashes', '://example.com', 'scheme', 'https://example.com'],
  ['a path', '/path', 'scheme'],
  ['two stars', '**', 'scheme'],
  ['a star and a slash', '*/', 'scheme'],
  ['a star and a port', '*:8080', 'scheme'],
  ['an IDN host', 'b\u00fccher.example', 'scheme', 'https://xn--bcher-kva.example'],
  ['a scheme that starts with a digit', '1http://example.com', 'scheme'],
  ['a scheme outside ASCII', 'http\u017f://example.com', 'scheme'],
  ['a KELVIN SIGN in the scheme', 'to\u212aen://example.com', 'scheme'],
  ['no slashes', 'https:a.com', 'two slashes', 'https://a.com'],
  ['one slash', 'https:/a.com', 'two slashes', 'https://a.com'],
  ['three slashes', 'https:///a.com', 'two slashes', 'https://a.com'],
  ['no slashes after http', 'http:localhost:3000', 'two slashes', 'http://localhost:3000'],
  ['no slashes before a number', 'https:1.2.3.4', 'two slashes', 'https://1.2.3.4'],
  ['no slashes after an app scheme', 'capacitor:localhost', 'two slashes', 'capacitor://localhost'],
  ['a scheme and a colon', 'https:', 'two slashes'],
  ['a mail address', 'mailto:someone@example.com', 'two slashes'],
  ['a scheme and two slashes', 'https://', 'host is missing'],
  ['a scheme and a port', 'https://:8443', 'host is missing'],
  ['an app scheme without a host', 'capacitor://', 'host is missing'],
  ['a scheme of 65 characters', `${scheme64}c://a`, 'scheme is longer than 64 characters'],

  // Schemes that no origin has
  ['file', 'file:///index.html', 'scheme "file"'],
  ['file alone', 'file://', 'scheme "file"'],
  ['file in upper case', 'FILE:///index.html', 'scheme "file"'],
  ['ws', 'ws://example.com', 'scheme "ws"', 'http://example.com'],
  ['wss', 'wss://example.com:8443/', 'scheme "wss"', 'https://example.com:8443'],
  ['wss with a path', 'wss://example.com/socket', 'scheme "wss"'],
  ['blob', 'blob:https://example.com/6b1d', 'scheme "blob"'],
  ['data', 'data:text/html;base64;', 'scheme "data"'],
  ['data with a comma', 'data:text/html,x', 'scheme "data"'],
  ['data with a blank', 'data:text/html, <p> x', 'scheme "data"'],
  ['blob of an opaque origin, and another', 'blob:null/a,blob:null/b', 'scheme "blob"'],
  ['javascript', 'javascript:alert(1)', 'scheme "javascript"'],
  ['javascript with a host', 'javascript://example.com', 'scheme "javascript"'],
  ['about', 'about:blank', 'scheme "about"'],
  ['filesystem', 'filesystem:https://example.com/temporary/', 'scheme "filesystem"'],
  ['view-source', 'view-source:https://example.com', 'scheme "view-source"'],

  // What follows a host
  ['a path', 'https://example.com/path', 'no path', 'https://example.com'],
  ['a path that is a star', 'https://example.com/*', 'no path', 'https://example.com'],
  ['two trailing slashes', 'https://example.com//', 'no path', 'https://example.com'],
  ['a dot segment', 'https://example.com/.', 'no path', 'https://example.com'],
  ['a path after a port', 'http://localhost:3000/app', 'no path', 'http://localhost:3000'],
  ['a path under a wildcard', 'https://*.example.com/a', 'no path', 'https://*.example.com'],
  ['a path under an app', 'chrome-extension://abc/popup.html', 'no path', 'chrome-extension://abc'],
  ['a path with an encoded character', 'https://example.com/%20', 'no path', 'https://example.com'],
  ['a path after the default port', 'https://example.com:443/a', 'no path', 'https://example.com'],
  ['a second origin run into the first', 'https://a.examplehttps://b.example', 'no path'],
  ['a query', 'https://example.com?a=b', 'no query', 'https://example.com'],
  ['a query after a slash', 'https://example.com/?a=b', 'no query', 'https://example.com'],
  ['an empty query', 'https://example.com?', 'no query', 'https://example.com'],
  [
    'an origin in the query',
    'https://a.example?https://b.example',
    'no query',
    'https://a.example',
  ],
  ['a fragment', 'https://example.com#top', 'no fragment', 'https://example.com'],
  ['a fragment after a slash', 'https://example.com/#/app', 'no fragment', 'https://example.com'],
  ['an empty fragment', 'https://example.com#', 'no fragment', 'https://example.com'],
  ['a user name', 'https://user@example.com', 'user name', 'https://example.com'],
  ['a password', 'https://user:secret@example.com', 'user name', 'https://example.com'],
  ['an empty user name', 'https://@example.com', 'user name', 'https://example.com'],
  ['an origin for a user name', 'https://a.example@b.example', 'user name', 'https://b.example'],
  ['two at signs', 'https://a@b@c.example', 'user name', 'https://c.example'],
  ['an encoded user name', 'https://a%40b@c.example', 'user name', 'https://c.example'],
  ['a user name and no host', 'https://user@', 'user name'],

  // Several in one
  ['two and a comma', 'https://a.example,https://b.example', 'not several'],
  ['two, a comma and a blank', 'https://a.example, https://b.example', 'not several'],
  ['two and a blank', 'https://a.example https://b.example', 'not several'],
  ['two and a newline', 'https://a.example\nhttps://b.example', 'not several'],
  ['two and a semicolon', 'https://a.example;https://b.example', 'not several'],
  ['two and a pipe', 'https://a.example|https://b.example', 'not several'],
  ['two hosts and a comma', 'a.example,b.example', 'comma'],
  ['a trailing comma', 'https://a.example,', 'comma'],
  ['an origin and a star', 'https://a.example, *', 'not several'],
  ['a star and an origin', '*,https://a.example', 'not several'],
  ['a comma inside the host', 'https://a,b.example', 'comma'],

  // Whitespace, controls and what does not show
  ['a leading blank', ' https://example.com', 'whitespace', 'https://example.com'],
  ['a trailing blank', 'https://example.com ', 'whitespace', 'https://example.com'],
  ['a trailing newline', 'https://example.com\n', 'whitespace', 'https://example.com'],
  ['a leading tab', '\thttps://example.com', 'whitespace', 'https://example.com'],
  ['blanks around a star', ' * ', 'whitespace', '*'],
  ['blanks around null', ' null ', 'whitespace'],
  ['a blank inside the host', 'https://exam ple.com', 'whitespace'],
  ['a tab inside the host', 'https://exam\tple.com', 'whitespace'],
  ['a newline inside the scheme', 'ht\ntps://example.com', 'whitespace'],
  ['a line break and a header', 'https://example.com\r\nSet-Cookie: a=b', 'whitespace'],
  ['a no-break space', 'https://example.com\u00a0', 'whitespace', 'https://example.com'],
  ['an ideographic space', 'https://exam\u3000ple.com', 'whitespace'],
  ['a line separator', 'https://exam\u2028ple.com', 'whitespace'],
  ['a byte order mark', '\ufeffhttps://example.com', 'whitespace', 'https://example.com'],
  ['a NUL', 'https://example.com\0', 'control', 'https://example.com'],
  ['an escape sequence', 'https://\u001b[31mexample.com', 'control'],
  ['a DEL', 'https://exam\u007fple.com', 'control', 'https://example.com'],
  ['a C1 control', 'https://exam\u0085ple.com', 'control', 'https://example.com'],
  ['a zero-width space', 'https://exam\u200bple.com', 'invisible', 'https://example.com'],
  ['a soft hyphen', 'https://exam\u00adple.com', 'invisible', 'https://example.com'],
  ['a word joiner', 'https://exam\u2060ple.com', 'invisible', 'https://example.com'],
  ['a right-to-left override', 'https://\u202eexample.com', 'invisible', 'https://example.com'],
  ['a tag character', 'https://exam\u{e0061}ple.com', 'invisible', 'https://example.com'],
  ['a lone high surrogate', 'https://\ud800.example', 'surrogate'],
  ['a lone low surrogate', 'https://example.com\udc00', 'surrogate'],
  ['a surrogate pair the wrong way round', 'https://\ude00\ud83d.example', 'surrogate'],
  ['backslashes for slashes', 'https:\\\\example.com', 'backslash', 'https://example.com'],
  ['a trailing backslash', 'https://example.com\\', 'backslash', 'https://example.com'],
  ['a backslash before an at sign', 'https://a.example\\@b.example', 'backslash'],

  // Wildcards
  ['a wildcard scheme', '*://example.com', 'scheme is no place', 'https://example.com'],
  ['a wildcard scheme and host', '*://*', 'scheme is no place'],
  ['a wildcard in the scheme', 'http*://example.com', 'scheme is no place', 'https://example.com'],
  ['a wildcard for the host', 'https://*', 'subdomains of a domain'],
  ['a wildcard for the host, with a slash', 'https://*/', 'subdomains of a domain'],
  ['a wildcard for the host, with a port', 'https://*:8080', 'subdomains of a domain'],
  ['a wildcard and a dot', 'https://*.', 'host is missing'],
  ['a wildcard and two dots', 'https://*..', 'empty label'],
  ['a wildcard that lacks its dot', 'https://*example.com', 'leftmost', 'https://*.example.com'],
  ['a wildcard at the end of a label', 'https://a*.example.com', 'leftmost'],
  ['a wildcard inside a label', 'https://a*b.example.com', 'leftmost'],
  ['a wildcard in the middle', 'https://a.*.example.com', 'leftmost'],
  ['a wildcard at the end', 'https://example.*', 'leftmost'],
  ['a wildcard after an ideographic full stop', 'https://*\u3002example.com', 'leftmost'],
  ['two wildcards', 'https://*.*.example.com', 'one wildcard'],
  ['two stars in a label', 'https://**.example.com', 'one wildcard'],
  ['a second wildcard inside a label', 'https://*.a*.example.com', 'one wildcard'],
  ['a wildcard port', 'https://example.com:*', 'loopback host'],
  ['a wildcard port on a private address', 'http://192.168.0.1:*', 'loopback host'],
  ['a wildcard port on another IPv6 address', 'http://[::2]:*', 'loopback host'],
  ['a wildcard port on what is not localhost', 'http://notlocalhost:*', 'loopback host'],
  ['a wildcard port on what starts like localhost', 'http://localhost.example:*', 'loopback host'],
  ['a wildcard port on an app', 'capacitor://localhost:*', 'loopback host'],
  ['a wildcard in a port', 'http://localhost:30*', 'loopback host'],
  ['two stars for a port', 'http://localhost:**', 'loopback host'],
  ['a wildcard port on half an address', 'http://127.1:*', 'IPv4', 'http://127.0.0.1:*'],
  ['a wildcard port without a scheme', 'localhost:*', 'scheme', 'http://localhost:*'],
  ['a path after a wildcard port', 'http://localhost:*/app', 'no path', 'http://localhost:*'],
  ['a wildcard host and port', 'http://*.localhost:*', 'one wildcard'],
  ['a wildcard name and port', 'http://my-app-*.localhost:*', 'one wildcard'],
  ['a wildcard on IPv4', 'https://*.1.2.3.4', 'IP address', 'https://1.2.3.4'],
  ['a wildcard for part of IPv4', 'http://*.168.0.1:81', 'IP address'],
  ['a wildcard on fullwidth IPv4', 'https://*.1.2.3.\uff14', 'IPv4', 'https://1.2.3.4'],
  ['a wildcard on IPv6', 'http://*.[::1]:81', 'IP address', 'http://[::1]:81'],
  ['a wildcard on an app', 'capacitor://*.localhost', 'http and https'],
  ['a wildcard for an app', 'capacitor://*', 'http and https'],
  ['a wildcard for part of an id', 'chrome-extension://abc*', 'whole id'],
  ['a wildcard under an extension', 'moz-extension://*.a', 'whole id'],
  ['a wildcard for an id, with a port', 'moz-extension://*:81', 'whole id'],
  ['a scheme that only starts like an extension', 'moz-extensions://*', 'http and https'],

  // Wildcards beside hyphens
  ['text that ends without a hyphen', 'https://my-app*.vercel.app', 'hyphen next to it'],
  [
    'text that starts without a hyphen',
    'https://*app.vercel.app',
    'hyphen',
    'https://*.app.vercel.app',
  ],
  ['a hyphen on one side of two', 'https://my-app-*team.vercel.app', 'hyphen next to it'],
  ['a hyphen on the other side of two', 'https://my*-team.vercel.app', 'hyphen next to it'],
  ['two characters', 'https://a-*.vercel.app', 'fewer than 3 characters'],
  ['two hyphens', 'https://*--.vercel.app', 'fewer than 3 characters'],
  ['a hyphen on each side', 'https://-*-.vercel.app', 'fewer than 3 characters'],
  ['six hyphens before', 'https://a-b-c-d-e-f-*.vercel.app', 'at most 5 hyphens'],
  ['six hyphens after', 'https://*-a-b-c-d-e-f.vercel.app', 'at most 5 hyphens'],
  ['four hyphens before, and text after', 'https://a-b-c-d-*-e.vercel.app', 'at most 3 hyphens'],
  ['four hyphens after, and text before', 'https://a-*-b-c-d-e.vercel.app', 'at most 3 hyphens'],
  ['two stars beside hyphens', 'https://my-*-app-*.vercel.app', 'one wildcard'],
  ['a name and subdomains', 'https://my-app-*.*.vercel.app', 'one wildcard'],
  ['a name in the second label', 'https://a.my-app-*.vercel.app', 'leftmost'],
  ['a name and no domain', 'https://my-app-*', 'host is missing'],
  ['a name and a dot', 'https://my-app-*.', 'host is missing'],
  ['a name on an address', 'https://my-app-*.1.2.3.4', 'IP address', 'https://1.2.3.4'],
  ['a name under an app', 'app://my-app-*.localhost', 'http and https'],
  ['a name in Punycode', 'https://xn--b-*.example', 'international name'],
  ['a name outside ASCII', 'https://b\u00fccher-*.example', 'no "\u00fc"'],
  ['a name that holds what no host does', 'https://my_app!-*.example', 'no "!"'],
  ['a name that leaves no room', `https://${'a'.repeat(62)}-*.example`, 'longer than 63'],

  // Wildcards that are never looked up
  ['a wildcard with 13 labels', `https://*.${'a.'.repeat(12)}example`, 'at most 12 labels'],
  ['a name with 13 labels', `https://my-app-*.${'a.'.repeat(12)}example`, 'at most 12 labels'],
  ['a fullwidth star', 'https://\uff0a.example.com', 'no "*"'],
  ['a host under which no name fits', `https://*.${host251}b`, 'longer than 253 characters'],

  // Wildcards that would admit strangers
  ['a top-level domain', 'https://*.com', 'directly under a top-level name'],
  ['a top-level domain with a dot', 'https://*.com.', 'directly under a top-level name'],
  ['a country', 'https://*.de', 'directly under a top-level name'],
  ['a suffix of two labels', 'https://*.co.uk', 'public suffix'],
  ['a suffix of two labels with a dot', 'https://*.co.uk.', 'public suffix'],
  ['a suffix in upper case', 'https://*.CO.UK', 'public suffix'],
  ['a suffix with a port', 'https://*.co.uk:8443', 'public suffix'],
  ['a private suffix', 'https://*.github.io', 'public suffix'],
  ['a host of apps', 'https://*.vercel.app', 'public suffix'],
  ['another host of apps', 'https://*.netlify.app', 'public suffix'],
  ['pages', 'https://*.pages.dev', 'public suffix'],
  ['workers', 'https://*.workers.dev', 'public suffix'],
  ['buckets', 'https://*.s3.amazonaws.com', 'public suffix'],
  ['an IDN suffix', 'https://*.\u516c\u53f8.cn', 'public suffix'],
  ['an IDN top-level domain', 'https://*.\u0440\u0444', 'directly under a top-level name'],
  ['a suffix by a wildcard rule', 'https://*.anything.ck', 'public suffix'],
  ['what only has suffixes under it', 'https://*.kawasaki.jp', 'public suffix'],
  ['a private network', 'https://*.internal', 'directly under a top-level name'],
  ['the names of a local network', 'https://*.local:8443', 'directly under a top-level name'],
  ['an unknown top-level domain', 'https://*.intranet', 'directly under a top-level name'],
  ['what is not localhost', 'http://*.localhosts', 'directly under a top-level name'],

  // Hosts
  ['a percent sign', 'https://ex%61mple.com', 'percent'],
  ['an encoded dot', 'https://example%2ecom', 'percent'],
  ['a percent sign in an IDN', 'https://b\u00fc%63her.example', 'percent'],
  ['empty Punycode', 'https://xn--', 'international name'],
  ['empty Punycode in a label', 'https://a.xn--.example', 'international name'],
  ['Punycode that breaks off', 'https://xn--a.example', 'international name'],
  ['Punycode of plain ASCII', 'https://xn--a-.example', 'international name'],
  [
    'Punycode of what is mapped to something else',
    'https://xn--tdal.example',
    'international name',
  ],
  ['an angle bracket in an app host', 'app://a<b', 'no host has'],
  ['a pipe in an app host', 'app://a|b', 'no host has'],
  ['an app host of 401 characters', `app://${'a'.repeat(401)}`, 'longer than 400'],
  ['an empty first label', 'https://.example.com', 'empty label'],
  ['an empty label', 'https://example..com', 'empty label'],
  ['two trailing dots', 'https://example.com..', 'empty label'],
  ['dots alone', 'https://...', 'empty label'],
  ['an empty label under a wildcard', 'https://*..example.com', 'empty label'],
  ['a label of 64 characters', `https://${label63}a.example`, 'longer than 63 characters'],
  [
    'a label of 64 in Punycode',
    `https://${'\u00fc'.repeat(63)}.example`,
    'longer than 63 characters',
  ],
  ['a host of 254 characters', `https://${host251}bbb`, 'longer than 253 characters'],
  ['a host of 254 characters and a dot', `https://${host251}bbb.`, 'longer than 253 characters'],
  ['an exclamation mark', 'https://exam!ple.com', 'no "!"'],
  ['a quotation mark', 'https://exam"ple.com', 'no "\\""'],
  ['braces', 'https://{host}', 'no "{"'],
  ['an angle bracket', 'https://example.com<script>', 'no "<"'],
  ['a tilde', 'https://~user.example', 'no "~"'],
  ['a dollar', 'https://$host', 'no "$"'],
  ['a semicolon', 'https://example.com;', 'no ";"'],
  ['a fullwidth comma', 'https://a\uff0cb.example', 'no ","'],
  ['a fullwidth slash', 'https://example.com\uff0fpath', 'no valid domain name'],
  ['a fullwidth at sign', 'https://user\uff20example.com', 'no valid domain name'],
  ['a fullwidth percent sign', 'https://ex\uff0561mple.com', 'no valid domain name'],
  ['a fullwidth colon', 'https://example.com\uff1a8443', 'no valid domain name'],
  ['a care-of sign, which maps to a slash', 'https://a\u2105.example', 'no valid domain name'],
  ['a variation selector alone', 'https://\ufe0f', 'no valid domain name'],
  ['a joiner between Latin letters', 'https://a\u200db.example', 'no valid domain name'],
  ['directions mixed in a label', 'https://1\u05d0.example', 'no valid domain name'],
  ['an app host outside ASCII', 'app://b\u00fccher', 'plain ASCII'],
  ['a KELVIN SIGN in an app host', 'app://to\u212aen', 'plain ASCII'],

  // Addresses
  ['IPv4 of three parts', 'https://1.2.3', 'IPv4', 'https://1.2.0.3'],
  ['IPv4 of one part', 'https://2130706433', 'IPv4', 'https://127.0.0.1'],
  ['IPv4 of five parts', 'https://1.2.3.4.5', 'IPv4'],
  ['hexadecimal IPv4', 'https://0x7f.1', 'IPv4', 'https://127.0.0.1'],
  ['hexadecimal IPv4 in upper case', 'https://0X7F.1:81', 'IPv4', 'https://127.0.0.1:81'],
  ['an IPv4 part above 255', 'https://256.1.1.1', 'IPv4'],
  ['a leading zero in IPv4', 'https://127.0.0.01', 'IPv4', 'https://127.0.0.1'],
  ['octal IPv4', 'https://0177.0.0.1', 'IPv4', 'https://127.0.0.1'],
  ['a trailing dot after IPv4', 'https://1.2.3.4.', 'IPv4', 'https://1.2.3.4'],
  ['fullwidth IPv4', 'https://\uff11.2.3.4', 'IPv4', 'https://1.2.3.4'],
  ['circled IPv4', 'https://\u2460.2.3.4', 'IPv4', 'https://1.2.3.4'],
  ['IPv4 with ideographic full stops', 'https://1\u30022\u30023\u30024', 'IPv4', 'https://1.2.3.4'],
  ['a name that ends in a number', 'https://example.1', 'IPv4'],
  ['a name that ends in a hexadecimal number', 'https://example.0xff', 'IPv4'],
  ['a name that ends in 0x', 'https://example.0x', 'IPv4'],
  ['IPv6 without brackets', 'http://::1', 'brackets', 'http://[::1]'],
  ['a longer IPv6 without brackets', 'http://2001:DB8::1', 'brackets', 'http://[2001:db8::1]'],
  ['IPv6 without the closing bracket', 'http://[::1', 'brackets'],
  ['IPv6 without the opening bracket', 'http://::1]', 'brackets'],
  ['brackets around a name', 'http://[example.com]', 'IPv6'],
  ['brackets around IPv4', 'http://[127.0.0.1]', 'IPv6'],
  ['empty brackets', 'http://[]', 'IPv6'],
  ['brackets inside a host', 'http://a[::1]', 'brackets'],
  ['text after the bracket', 'http://[::1]a', 'brackets'],
  ['IPv6 of nine groups', 'http://[1:2:3:4:5:6:7:8:9]', 'IPv6'],
  ['IPv6 with two compressions', 'http://[1::2::3]', 'IPv6'],
  ['IPv6 of a later version', 'http://[v1.a]', 'IPv6'],
  ['a zone id', 'http://[fe80::1%eth0]', 'zone', 'http://[fe80::1]'],
  ['an encoded zone id and a port', 'http://[fe80::1%25eth0]:81', 'zone', 'http://[fe80::1]:81'],
  ['brackets around a name under an app', 'capacitor://[localhost]', 'IPv6'],

  // Ports
  ['an empty port', 'https://example.com:', 'port', 'https://example.com'],
  ['an empty port and a slash', 'https://example.com:/', 'port', 'https://example.com'],
  ['an empty port on IPv6', 'http://[::1]:', 'port', 'http://[::1]'],
  ['port 0', 'https://example.com:0', 'port "0"'],
  ['port 65536', 'https://example.com:65536', 'port "65536"'],
  ['a port of many digits', `https://example.com:${'9'.repeat(400)}`, 'from 1 to 65535'],
  ['a leading zero', 'https://example.com:08443', 'leading zeros', 'https://example.com:8443'],
  [
    'the default port with a zero',
    'https://example.com:0443',
    'leading zeros',
    'https://example.com',
  ],
  ['zeros alone', 'https://example.com:00', 'leading zeros'],
  ['a sign', 'https://example.com:+81', 'port "+81"'],
  ['a negative port', 'https://example.com:-1', 'port "-1"'],
  ['an exponent', 'https://example.com:1e3', 'port "1e3"'],
  ['hexadecimal', 'https://example.com:0x50', 'port "0x50"'],
  ['letters', 'https://example.com:https', 'port "https"'],
  ['two ports', 'https://example.com:81:82', 'port "81:82"'],
  ['fullwidth digits', 'https://example.com:\uff18\uff11', 'decimal'],
  ['a bad port under a wildcard', 'https://*.example.com:0', 'port "0"'],
  ['a bad port under an app', 'tauri://localhost:0', 'port "0"'],
];

type AcceptedRow = readonly [name: string, value: string, pattern: string];

const accepted: readonly AcceptedRow[] = [
  ['any', '*', '*'],
  ['https', 'https://example.com', 'https://example.com'],
  ['http', 'http://example.com', 'http://example.com'],
  ['upper case', 'HTTPS://EXAMPLE.COM', 'https://example.com'],
  ['mixed case', 'Https://Www.Example.Com', 'https://www.example.com'],
  ['one trailing slash', 'https://example.com/', 'https://example.com'],
  ['one trailing slash after a port', 'https://example.com:8443/', 'https://example.com:8443'],
  ['the default port of https', 'https://example.com:443', 'https://example.com'],
  ['the default port of http', 'http://example.com:80', 'http://example.com'],
  ['the default port and a slash', 'https://example.com:443/', 'https://example.com'],
  ['the port of http under https', 'https://example.com:80', 'https://example.com:80'],
  ['the port of https under http', 'http://example.com:443', 'http://example.com:443'],
  ['the lowest port', 'https://example.com:1', 'https://example.com:1'],
  ['the highest port', 'https://example.com:65535', 'https://example.com:65535'],
  ['localhost', 'http://localhost:3000', 'http://localhost:3000'],
  ['a single label', 'https://intranet', 'https://intranet'],
  ['a host called null', 'https://null', 'https://null'],
  ['a public suffix by itself', 'https://github.io', 'https://github.io'],
  ['a trailing dot', 'https://example.com.', 'https://example.com.'],
  ['a trailing dot and a slash', 'https://example.com./', 'https://example.com.'],
  ['a trailing dot and a default port', 'https://example.com.:443', 'https://example.com.'],
  ['an underscore', 'https://my_app.example', 'https://my_app.example'],
  ['hyphens at the ends of a label', 'https://-a-.example', 'https://-a-.example'],
  ['a label of digits', 'https://1.example', 'https://1.example'],
  ['a last label that only looks like hexadecimal', 'https://a.0xg', 'https://a.0xg'],
  ['a label of 63 characters', `https://${label63}.example`, `https://${label63}.example`],
  ['a host of 253 characters', `https://${host251}bb`, `https://${host251}bb`],
  ['a host of 253 characters and a dot', `https://${host251}bb.`, `https://${host251}bb.`],

  ['an IDN', 'https://b\u00fccher.example', 'https://xn--bcher-kva.example'],
  ['an IDN in upper case', 'https://B\u00dcCHER.example', 'https://xn--bcher-kva.example'],
  ['a decomposed IDN', 'https://bu\u0308cher.example', 'https://xn--bcher-kva.example'],
  ['an IDN in Punycode', 'https://xn--bcher-kva.example', 'https://xn--bcher-kva.example'],
  ['Punycode in upper case', 'https://XN--BCHER-KVA.example', 'https://xn--bcher-kva.example'],
  [
    'an IDN with port and slash',
    'https://b\u00fccher.example:443/',
    'https://xn--bcher-kva.example',
  ],
  [
    'a sharp s, which is a letter of its own',
    'https://fa\u00df.example',
    'https://xn--fa-hia.example',
  ],
  ['fullwidth letters', 'https://\uff45xample.com', 'https://example.com'],
  ['an ideographic full stop', 'https://example\u3002com', 'https://example.com'],
  ['a trailing ideographic full stop', 'https://example.com\u3002', 'https://example.com.'],
  ['a KELVIN SIGN', 'https://\u212aelvin.example', 'https://kelvin.example'],
  ['a circled digit in a name', 'https://\u2460.example', 'https://1.example'],
  ['Japanese', 'https://\u65e5\u672c\u8a9e.jp', 'https://xn--wgv71a119e.jp'],
  ['Hebrew', 'https://\u05d0\u05d1.example', 'https://xn--4dbc.example'],
  ['an emoji', 'https://\u{1f600}.example', 'https://xn--e28h.example'],
  ['an emoji with its selector', 'https://\u2764\ufe0f.example', 'https://xn--qei.example'],

  ['IPv4', 'http://192.168.0.1', 'http://192.168.0.1'],
  ['IPv4 with a port and a slash', 'http://127.0.0.1:8787/', 'http://127.0.0.1:8787'],
  ['IPv6', 'http://[::1]:3000', 'http://[::1]:3000'],
  ['IPv6 spelled out', 'http://[0:0:0:0:0:0:0:1]', 'http://[::1]'],
  ['IPv6 with leading zeros', 'http://[2001:0db8::0001]', 'http://[2001:db8::1]'],
  ['IPv6 in upper case', 'http://[2001:DB8::ABCD]/', 'http://[2001:db8::abcd]'],
  ['IPv6 that maps IPv4', 'http://[::ffff:127.0.0.1]', 'http://[::ffff:7f00:1]'],
  ['IPv6 with the shorter run compressed', 'http://[1::2:0:0:0:3]', 'http://[1:0:0:2::3]'],
  ['IPv6 with a default port', 'https://[::1]:443', 'https://[::1]'],

  ['Capacitor', 'capacitor://localhost', 'capacitor://localhost'],
  ['Capacitor with a slash', 'Capacitor://localhost/', 'capacitor://localhost'],
  ['an app host with capital letters', 'App://MyHost', 'app://MyHost'],
  ['a dot for an app host', 'app://.', 'app://.'],
  ['a hyphen for an app host', 'app://-', 'app://-'],
  ['an app host with empty labels', 'app://a..b', 'app://a..b'],
  ['an app host that ends in a number', 'app://device.42', 'app://device.42'],
  ['an app host that ends in hexadecimal', 'app://device.0XFF', 'app://device.0XFF'],
  ['an app label of 64 characters', `app://${label63}a`, `app://${label63}a`],
  ['an app host of 400 characters', `app://${'a'.repeat(400)}`, `app://${'a'.repeat(400)}`],
  ['a percent sign in an app host', 'app://local%20host', 'app://local%20host'],
  ['marks in an app host', 'app://a!b~c,d;e=f', 'app://a!b~c,d;e=f'],
  ['empty Punycode in an app host', 'app://xn--', 'app://xn--'],
  ['IPv6 under an app', 'capacitor://[0::1]', 'capacitor://[::1]'],
  ['any id of an extension', 'moz-extension://*', 'moz-extension://*'],
  ['any id, with a slash', 'Chrome-Extension://*/', 'chrome-extension://*'],
  ['any id of an extension of Safari', 'safari-web-extension://*', 'safari-web-extension://*'],
  ['Tauri with a port', 'tauri://localhost:1420', 'tauri://localhost:1420'],
  ['an app on port 80', 'tauri://localhost:80', 'tauri://localhost:80'],
  ['an app on an address', 'capacitor://192.168.1.5:8100', 'capacitor://192.168.1.5:8100'],
  ['an extension', 'chrome-extension://abcdefgh', 'chrome-extension://abcdefgh'],
  ['an extension of Safari', 'safari-web-extension://8A1B-FF', 'safari-web-extension://8A1B-FF'],
  ['a reversed domain as a scheme', 'com.example.app://main', 'com.example.app://main'],
  ['a scheme of 64 characters', `${scheme64}://a`, `${scheme64}://a`],

  ['a wildcard', 'https://*.example.com', 'https://*.example.com'],
  ['a wildcard in upper case', 'HTTPS://*.Example.COM/', 'https://*.example.com'],
  ['a wildcard with a default port', 'https://*.example.com:443', 'https://*.example.com'],
  ['a wildcard with a port', 'https://*.example.com:8443/', 'https://*.example.com:8443'],
  ['a wildcard with a trailing dot', 'https://*.example.com.', 'https://*.example.com.'],
  ['a wildcard under a subdomain', 'https://*.a.example.com', 'https://*.a.example.com'],
  ['a wildcard under an IDN', 'https://*.b\u00fccher.example', 'https://*.xn--bcher-kva.example'],
  ['a wildcard over plain http', 'http://*.example.com', 'http://*.example.com'],
  ['a wildcard two below a private suffix', 'https://*.me.github.io', 'https://*.me.github.io'],
  ['a wildcard two below a country', 'https://*.example.co.uk', 'https://*.example.co.uk'],
  ['a wildcard by an exception rule', 'https://*.www.ck', 'https://*.www.ck'],
  ['another exception rule', 'https://*.city.kawasaki.jp', 'https://*.city.kawasaki.jp'],
  ['a wildcard under localhost', 'http://*.localhost:3000', 'http://*.localhost:3000'],
  ['a wildcard under localhost with a dot', 'http://*.localhost.', 'http://*.localhost.'],
  ['a wildcard further under localhost', 'http://*.app.localhost', 'http://*.app.localhost'],
  ['a wildcard under an unknown domain', 'https://*.app.intranet', 'https://*.app.intranet'],
  ['any port of localhost', 'http://localhost:*', 'http://localhost:*'],
  ['any port of localhost over https, with a slash', 'HTTPS://LOCALHOST:*/', 'https://localhost:*'],
  ['any port of IPv4', 'http://127.0.0.1:*', 'http://127.0.0.1:*'],
  ['any port of another loopback address', 'http://127.1.2.3:*', 'http://127.1.2.3:*'],
  ['any port of IPv6', 'http://[0:0:0:0:0:0:0:1]:*', 'http://[::1]:*'],
  ['any port under localhost', 'http://app.localhost:*', 'http://app.localhost:*'],
  ['previews at Vercel', 'https://my-app-*.vercel.app', 'https://my-app-*.vercel.app'],
  ['previews of a team', 'https://my-app-*-team.vercel.app', 'https://my-app-*-team.vercel.app'],
  ['previews at Netlify', 'https://*--site.netlify.app', 'https://*--site.netlify.app'],
  ['a name in upper case', 'HTTPS://My-App-*.Vercel.App/', 'https://my-app-*.vercel.app'],
  ['a name with a port', 'https://my-app-*.a.example:8443', 'https://my-app-*.a.example:8443'],
  ['a name with a default port', 'https://my-app-*.a.example:443', 'https://my-app-*.a.example'],
  ['a name over plain http', 'http://my-app-*.example.com', 'http://my-app-*.example.com'],
  ['a name under a top-level domain', 'https://my-app-*.com', 'https://my-app-*.com'],
  [
    'a name under an IDN',
    'https://my-app-*.b\u00fccher.example',
    'https://my-app-*.xn--bcher-kva.example',
  ],
  ['three characters', 'https://ab-*.vercel.app', 'https://ab-*.vercel.app'],
  ['four characters on two sides', 'https://a-*-b.vercel.app', 'https://a-*-b.vercel.app'],
  ['five hyphens before', 'https://a-b-c-d-e-*.vercel.app', 'https://a-b-c-d-e-*.vercel.app'],
  ['five hyphens after', 'https://*-a-b-c-d-e.vercel.app', 'https://*-a-b-c-d-e.vercel.app'],
  [
    'three hyphens on each side',
    'https://a-b-c-*-d-e-f.a.example',
    'https://a-b-c-*-d-e-f.a.example',
  ],
  [
    'a wildcard with 12 labels',
    `https://*.${'a.'.repeat(11)}example`,
    `https://*.${'a.'.repeat(11)}example`,
  ],
  ['the longest wildcard', `https://*.${host251}`, `https://*.${host251}`],
];

describe('canonicalizeOriginPattern()', () => {
  for (const [name, value, keyword, meant] of refused) {
    test(`refuses ${name}`, () => {
      const problem = problemOf(value);
      expect(problem.value).toBe(value);
      expect(reasonAlone(problem)).toContain(keyword);
      expect(proposalOf(problem)).toBe(meant ?? null);
      expectReadable(problem);
    });
  }

  test.each(accepted)('accepts %s', (_name, value, pattern) => {
    expect(canonicalizeOriginPattern(value)).toEqual({ ok: true, pattern });
  });

  test('has tables that ask enough, and nothing twice', () => {
    const values = [...refused, ...accepted].map(([, value]) => value);
    expect(values.length).toBeGreaterThanOrEqual(150);
    expect(new Set(values).size).toBe(values.length);
  });

  test('proposes "*" for null, and says what it does', () => {
    expect(problemOf('null').fix).toBe(
      'Write "*" if opaque origins must work; it admits every other origin as well',
    );
  });

  test('names a host under the public suffix that was meant to be open', () => {
    expect(problemOf('https://*.vercel.app:8443')).toEqual({
      value: 'https://*.vercel.app:8443',
      reason:
        'Cannot allow origin "https://*.vercel.app:8443": strangers can have names under "vercel.app", says the public suffix list',
      fix: 'Write each origin in full, such as "https://your-app.vercel.app:8443", or preview deployments as "https://your-app-*.vercel.app:8443"',
    });
  });

  test('quotes a long value shortened', () => {
    const { reason } = problemOf(`https://example.com/${'a'.repeat(900)}`);
    expect(reason).toContain(`"https://example.com/${'a'.repeat(80)}..."`);
    expect(reason.length).toBeLessThan(200);
  });

  test('shortens a quote without cutting a character in half', () => {
    const { reason } = problemOf(`${'\u{1f600}'.repeat(400)}/`);
    expect(reason).toContain(`"${'\u{1f600}'.repeat(100)}..."`);
  });

  test('escapes in a quote what does not show', () => {
    expect(problemOf('a"\n\u202e\u00a0\ud800\u{e0061}').reason).toContain(
      String.raw`"a\"\n\u202e\u00a0\ud800\udb40\udc61"`,
    );
  });
});

describe('originWarnings()', () => {
  /** Each warning as its pattern and a word that only this kind of warning has. */
  type WarningRow = readonly [
    name: string,
    patterns: readonly string[],
    warnings: readonly (readonly [pattern: string, keyword: string])[],
  ];
  const rows: readonly WarningRow[] = [
    ['nothing', [], []],
    ['https origins', ['https://a.example', 'https://*.b.example:8443'], []],
    ['app origins', ['capacitor://localhost', 'chrome-extension://abc'], []],
    ['an app beside a public origin', ['capacitor://localhost', 'https://a.example'], []],
    ['local origins alone', ['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:81'], []],
    ['local origins beside an app', ['http://localhost', 'capacitor://localhost'], []],
    ['any origin', ['*'], [['*', 'every website']]],
    ['plain http', ['http://a.example'], [['http://a.example', 'not encrypted']]],
    ['plain http to an address', ['http://10.0.0.1'], [['http://10.0.0.1', 'not encrypted']]],
    ['plain http to IPv6', ['http://[fe80::1]'], [['http://[fe80::1]', 'not encrypted']]],
    ['a plain wildcard', ['http://*.a.example'], [['http://*.a.example', 'not encrypted']]],
    [
      'names that strangers can register',
      ['https://my-app-*.vercel.app', 'https://*--site.netlify.app:8443', 'https://my-app-*.com'],
      [
        ['https://my-app-*.vercel.app', 'strangers can register'],
        ['https://*--site.netlify.app:8443', 'strangers can register'],
        ['https://my-app-*.com', 'strangers can register'],
      ],
    ],
    ['names under a domain of one\u2019s own', ['https://my-app-*.example.com'], []],
    ['names on the own machine', ['http://my-app-*.localhost:3000'], []],
    [
      'names over plain http',
      ['http://my-app-*.example.com'],
      [['http://my-app-*.example.com', 'not encrypted']],
    ],
    [
      'any extension',
      ['moz-extension://*', 'chrome-extension://abc'],
      [['moz-extension://*', 'every extension']],
    ],
    ['any port alone', ['http://localhost:*', 'http://[::1]:*'], []],
    [
      'any port beside a public origin',
      ['http://127.0.0.1:*', 'https://a.example'],
      [['http://127.0.0.1:*', 'machine']],
    ],
    ['capital letters in an app host', ['app://MyHost'], [['app://MyHost', 'capital letters']]],
    [
      'what only starts or ends like a local name',
      ['http://localhost.example', 'http://notlocalhost', 'http://127.0.0.1.example'],
      [
        ['http://localhost.example', 'not encrypted'],
        ['http://notlocalhost', 'not encrypted'],
        ['http://127.0.0.1.example', 'not encrypted'],
      ],
    ],
    [
      'local origins beside a public one, in the order given',
      [
        'http://localhost:3000',
        'https://localhost',
        'https://a.example',
        'http://*.localhost:81',
        'http://localhost.',
        'http://127.1.2.3',
        'https://[::1]',
      ],
      [
        ['http://localhost:3000', 'machine'],
        ['https://localhost', 'machine'],
        ['http://*.localhost:81', 'machine'],
        ['http://localhost.', 'machine'],
        ['http://127.1.2.3', 'machine'],
        ['https://[::1]', 'machine'],
      ],
    ],
    [
      'one of each',
      ['*', 'http://localhost', 'http://a.example'],
      [
        ['*', 'every website'],
        ['http://localhost', 'machine'],
        ['http://a.example', 'not encrypted'],
      ],
    ],
  ];

  test.each(rows)('speaks up as it should on %s', (_name, patterns, expected) => {
    const warnings = originWarnings(patterns);
    expect(warnings.map(({ pattern }) => pattern)).toEqual(expected.map(([pattern]) => pattern));
    for (const [index, [pattern, keyword]] of expected.entries()) {
      expect(warnings[index]?.warning).toContain(`Origin "${pattern}"`);
      expect(warnings[index]?.warning).toContain(keyword);
      expect(warnings[index]?.warning).not.toMatch(/\.$/);
    }
  });
});

describe('properties', () => {
  const seeds = [...refused, ...accepted].map(([, value]) => value).filter((v) => v.length < 400);
  const anyValue = fc.oneof(anyText(), fc.webUrl(), fc.emailAddress(), mutated(seeds));

  test('canonicalizeOriginPattern() throws on no string, and reading twice equals reading once', () => {
    const property = fc.property(anyValue, (value) => {
      const result = canonicalizeOriginPattern(value);
      if (result.ok) expect(canonicalizeOriginPattern(result.pattern)).toEqual(result);
    });
    fc.assert(property, { numRuns: runs(5_000) });
  });

  test('a pattern without a wildcard is an origin, safe to echo, that admits itself', () => {
    const property = fc.property(anyValue, (value) => {
      const pattern = patternOf(value);
      if (pattern === null || pattern.includes('*')) return;
      expect(pattern).toMatch(/^[\x21-\x7e]+$/);
      const origin = parseOrigin(pattern);
      expect(origin?.value).toBe(pattern);
      expect(origin !== null && admitsOrigin(compileOrigins([pattern]), origin)).toBe(true);
    });
    fc.assert(property, { numRuns: runs(5_000) });
  });

  test('a pattern with a wildcard admits what is under it, and not the domain itself', () => {
    const wildcards = accepted.map(([, value]) => value).filter((v) => v.includes('://*.'));
    const property = fc.property(mutated(wildcards), (value) => {
      const pattern = patternOf(value);
      if (pattern === null || !pattern.includes('://*.')) return;
      const set = compileOrigins([pattern]);
      const below = parseOrigin(pattern.replace('*', 'a'));
      const apex = parseOrigin(pattern.replace('*.', ''));
      expect(below !== null && admitsOrigin(set, below)).toBe(true);
      expect(apex !== null && admitsOrigin(set, apex)).toBe(false);
    });
    fc.assert(property, { numRuns: runs(3_000) });
  });

  test('every origin that parseOrigin() accepts is stored as it is, so that refusals can advise it', () => {
    const property = fc.property(mutated(accepted.map(([, value]) => value)), (value) => {
      const origin = parseOrigin(value);
      if (origin === null || origin.isOpaque) return;
      expect(canonicalizeOriginPattern(value)).toEqual({ ok: true, pattern: value });
    });
    fc.assert(property, { numRuns: runs(5_000) });
  });

  test('an http(s) origin is stored as the platform would send it', () => {
    const property = fc.property(anyValue, (value) => {
      const pattern = patternOf(value);
      if (pattern === null || !/^https?:/.test(pattern) || pattern.endsWith(':*')) return;
      // The URL parser has nothing against a star, so that this covers wildcards too.
      expect(new URL(value).origin).toBe(pattern);
    });
    fc.assert(property, { numRuns: runs(5_000) });
  });

  test('a problem quotes safely, and proposes only what would be accepted', () => {
    const property = fc.property(anyValue, (value) => {
      const result = canonicalizeOriginPattern(value);
      if (!result.ok) expectReadable(result.problem);
    });
    fc.assert(property, { numRuns: runs(5_000) });
  });

  test('a proposal admits the origin that was meant', () => {
    const property = fc.property(anyValue, (value) => {
      const result = canonicalizeOriginPattern(value);
      const proposal = result.ok ? null : proposalOf(result.problem);
      // The platform reads what people paste as a browser reads an address.
      const meant = URL.parse(value);
      if (proposal === null || meant === null || !/^https?:$/.test(meant.protocol)) return;
      const origin = parseOrigin(meant.origin);
      if (origin !== null) expect(admitsOrigin(compileOrigins([proposal]), origin)).toBe(true);
    });
    fc.assert(property, { numRuns: runs(10_000) });
  });

  test('a wildcard beside hyphens admits what it reads like, and nothing else', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 7 });
    const head = fc.oneof(
      fc.constant(''),
      word.map((text) => `${text}-`),
    );
    const tail = fc.oneof(
      fc.constant(''),
      word.map((text) => `-${text}`),
    );
    const property = fc.property(head, tail, fc.oneof(word, head, tail), (before, after, text) => {
      const pattern = patternOf(`https://${before}*${after}.example.com`);
      if (pattern === null || (before === '' && after === '')) return;
      const set = compileOrigins([pattern]);
      const inside = text === '' ? 'x' : text;
      const admitted = parseOrigin(`https://${before}${inside}${after}.example.com`);
      expect(admitted !== null && admitsOrigin(set, admitted)).toBe(true);
      for (const label of [
        `${before}${after}`,
        `x${before}x${after}`,
        `${before}x${after}x`,
        text,
      ]) {
        const reads = new RegExp(`^${before}.+${after}$`).test(label);
        const other = parseOrigin(`https://${label}.example.com`);
        if (other !== null) expect(admitsOrigin(set, other)).toBe(reads);
      }
      const deeper = parseOrigin(`https://x.${before}x${after}.example.com`);
      expect(deeper !== null && admitsOrigin(set, deeper)).toBe(false);
    });
    fc.assert(property, { numRuns: runs(5_000) });
  });
});

function patternOf(value: string): string | null {
  const result = canonicalizeOriginPattern(value);
  return result.ok ? result.pattern : null;
}

function problemOf(value: string): OriginProblem {
  const result = canonicalizeOriginPattern(value);
  if (result.ok) throw new Error(`Expected ${JSON.stringify(value)} to be refused`);
  return result.problem;
}

/** The pattern that a fix proposes as the whole answer, or `null` where it gives advice. */
function proposalOf({ fix }: OriginProblem): string | null {
  return /^Write "([^"]*)"$/.exec(fix)?.[1] ?? null;
}

/** A reason without the value in front of it, so that no keyword is found in the value. */
function reasonAlone({ reason }: OriginProblem): string {
  return reason.replace(/^Cannot allow origin "(?:[^"\\]|\\.)*": /, '');
}

/** The house style of messages, and no way for a value to get out of its quotes. */
function expectReadable({ reason, fix }: OriginProblem): void {
  expect(reason).toMatch(/^Cannot allow origin "/);
  for (const message of [reason, fix]) {
    expect(message).not.toMatch(/(?! )[\p{C}\p{Z}]/u);
    expect(message.replace(/"(?:[^"\\]|\\.)*"/g, '""')).not.toMatch(/\.$|'|!/);
    expect(message.length).toBeLessThan(1_200);
  }
  for (const [, quoted = ''] of fix.matchAll(/"([^"]*)"/g)) {
    expect(canonicalizeOriginPattern(quoted)).toEqual({ ok: true, pattern: quoted });
  }
}

/** Any sequence of UTF-16 code units, lone surrogates and all. */
function anyText(): fc.Arbitrary<string> {
  return fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
}

/** One of the seeds, with up to three of its code units dropped, replaced or joined by another. */
function mutated(seeds: readonly string[]): fc.Arbitrary<string> {
  const unit = fc.oneof(
    fc.constantFrom(...'.:/@%*[]\\,#?-_ \t\n\0', 'A', 'a', '0', '9', '\u00fc', '\u0308', '\u200d'),
    fc.constantFrom('\ud800', '\u212a', '\u3002', '\uff11', '\uff0a', '\uff0e', '\u05d0', '\ufe0f'),
    fc.nat(0xffff).map((code) => String.fromCharCode(code)),
  );
  const edit = fc.tuple(fc.nat(400), fc.constantFrom(0, 1), unit, fc.boolean());
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 3 }))
    .map(([seed, edits]) => edits.reduce(applyEdit, seed));
}

function applyEdit(
  text: string,
  [position, dropped, unit, isInserted]: readonly [number, number, string, boolean],
): string {
  const at = position % (text.length + 1);
  return text.slice(0, at) + (isInserted ? unit : '') + text.slice(at + dropped);
}
