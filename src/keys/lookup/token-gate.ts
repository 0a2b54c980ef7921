/**
 * Turns away tokens that cannot exist, from their characters and the keyed tag in them alone. So a
 * flood of invented tokens never reaches KV or D1.
 *
 * The tag's key arrives with the change log; before that, tokens have to be looked up.
 */

import { isClientToken } from '../../core/client-token/client-token.ts';
import { hasValidTag, importTagKey, readTokenForm, type TokenForm } from '../../core/key/token.ts';
import type { ChangeFeed } from './change-feed.ts';

/** Tells tokens that cannot exist, without any look-up. */
export interface TokenGate {
  /**
   * Why a token cannot exist, for the log; `null` when it has to be looked up. `isLogCurrent` says
   * whether the log is known well enough to tell that no token of another form than ours was
   * imported.
   */
  refute(token: string, isLogCurrent: boolean): string | null | Promise<string | null>;
}

/**
 * Why no key can have a token, by its characters alone, for the log; `null` when it has to be looked up, as
 * client tokens have.
 */
export function refuteCharacters(token: string): string | null {
  return isClientToken(token) ? null : causeByForm[readTokenForm(token).form];
}

/** Why a token of some form cannot exist anywhere. */
const causeByForm: Readonly<Record<TokenForm['form'], string | null>> = {
  oversized: 'too long',
  mistyped: 'wrong checksum',
  foreign: null,
  ours: null,
};

/** A gate for one isolate. */
export function createTokenGate(feed: ChangeFeed): TokenGate {
  let tagKey: { readonly hex: string; readonly key: CryptoKey } | null = null;

  async function refuteTag(form: TokenForm & { form: 'ours' }, hex: string) {
    if (tagKey?.hex !== hex) tagKey = { hex, key: await importTagKey(hex) };
    return (await hasValidTag(form, tagKey.key)) ? null : 'wrong tag';
  }

  return {
    refute(token, isLogCurrent) {
      const form = readTokenForm(token);
      const hex = feed.tagKeyHex;
      switch (form.form) {
        case 'oversized':
        case 'mistyped':
          return causeByForm[form.form];
        case 'foreign':
          return isLogCurrent && !feed.hasImportedTokens ? 'not of our form' : null;
        case 'ours':
          return hex === null ? null : refuteTag(form, hex);
      }
    },
  };
}
