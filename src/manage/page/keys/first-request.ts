/**
 * The state of a new key, for the script that waits for its first request.
 */

import type { KeyDocument } from '../../documents.ts';
import type { UsageDocument } from '../../usage.ts';
import type { View } from '../access/guards.tsx';
import { apiPathOf } from './key-action.tsx';

/** Answers if the key was used, and otherwise the code of a refusal, if there was one. */
export const showFirstRequest: View = async ({ api }, context) => {
  const path = apiPathOf(context);
  const [key, usage] = await Promise.all([
    api<KeyDocument>({ path }),
    api<UsageDocument>({ path: `${path}/usage`, query: { days: '1' } }),
  ]);
  if (!key.ok) return context.json({ isUsed: false, refusal: null }, 404);
  const refused = usage.ok
    ? usage.document.usage.find(({ outcome }) => outcome.startsWith('denied:'))
    : undefined;
  return context.json({
    isUsed: key.document.lastUsedAt !== null,
    refusal: refused?.outcome.replace('denied:', '') ?? null,
  });
};
