/**
 * The stores of management over one D1, each from its file.
 */

import { createAuditLog } from './audit.ts';
import { createBulkPace } from './bulk-pace.ts';
import { createKeyChanges } from './changes.ts';
import { type CollectEvents, collectNoEvents } from './event-outbox.ts';
import { createHolderReads } from './holders.ts';
import { createKeyImport } from './import.ts';
import { createKeptAnswers } from './kept-answers.ts';
import { createKeyCounts } from './key-counts.ts';
import { createKeyLists } from './key-list.ts';
import { createLeakNotes } from './leaks.ts';
import { createOwnerLimits } from './owner-limits.ts';
import { createKeyReads } from './reads.ts';
import type { AdminStore } from './types.ts';

/** The stores of management in this D1. */
export function createAdminStore(
  db: D1Database,
  collectEvents: CollectEvents = collectNoEvents,
): AdminStore {
  return {
    keys: {
      ...createKeyReads(db),
      ...createKeyLists(db),
      ...createKeyChanges(db, collectEvents),
      ...createKeyImport(db, collectEvents),
    },
    audit: createAuditLog(db),
    answers: createKeptAnswers(db),
    leaks: createLeakNotes(db, collectEvents),
    holders: createHolderReads(db),
    ownerLimits: createOwnerLimits(db),
    counts: createKeyCounts(db),
    bulkPace: createBulkPace(db),
  };
}
