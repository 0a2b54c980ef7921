/**
 * The URL that events are sent to: https, and no address literal that leads into a private network.
 *
 * Names are not resolved here; Workers cannot reach private networks by name. Pure, no I/O.
 */

import { reachOf } from '../addresses/reach.ts';
import { parseWrittenUrl } from '../written-url.ts';

/** The reason why a URL cannot receive events, and the remedy; `null`: it can. */
export interface ReceiverFault {
  readonly reason: string;
  readonly fix: string;
}

const FIX = 'Set the https URL of your receiver, for example "https://hooks.example.com/edge"';

/** Checks a URL. With `allowsLoopback`, as on a developer's machine, http and https may lead to itself. */
export function receiverFault(text: string, allowsLoopback: boolean): ReceiverFault | null {
  const url = parseWrittenUrl(text);
  if (url === null) return { reason: 'it is not an absolute https URL', fix: FIX };
  const reach = reachOf(url.hostname);
  if (url.username !== '' || url.password !== '') {
    return { reason: 'it holds credentials', fix: 'Verify the signature of each event instead' };
  }
  if (url.hash !== '')
    return { reason: 'it holds a fragment', fix: 'Remove everything from the #' };
  if (reach === 'loopback' && allowsLoopback) return null;
  if (url.protocol !== 'https:') return { reason: 'it is not an https URL', fix: FIX };
  return reach === 'public'
    ? null
    : { reason: 'it leads to a private, local or reserved address', fix: FIX };
}
