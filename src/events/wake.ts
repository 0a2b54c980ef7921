/**
 * The message of the Queue that wakes the sender of events. It carries nothing: what is due is in D1.
 */

/** The body of the message. A version that does not know it drops it as malformed usage. */
export const WAKE_MESSAGE = 'wake the sender of events';
