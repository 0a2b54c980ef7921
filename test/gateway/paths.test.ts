/** Targets as a URL parser leaves them. As workerd shows them: test/end-to-end/paths.test.ts. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { badIds, isRestrictedRoute, pathOf, routeFacts } from '../contract/routes.ts';
import { ownTargets, targetRows } from '../contract/targets.ts';
import { createWorld, type World } from '../contract/world.ts';
import { deploy, EDGE_URL } from '../support/workers.ts';

// Miniflare, `wrangler dev` and the Request constructor hand every URL through a parser first.
describe('paths that a URL parser has read', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld(await deploy());
  });
  afterAll(() => world.deployment.dispose());

  const targets = [
    ...targetRows.map(({ target }) => target),
    ...ownTargets.map(({ target }) => target),
    ...routeFacts.flatMap((fact) => badIds.map((id) => pathOf(fact, id))),
  ];

  test('reach the upstream for a restricted key only as a row', async () => {
    const { received } = world.deployment;
    for (const target of new Set(targets)) {
      const before = received.length;
      await ask(target, world.restricted);
      for (const { method, target: seen } of received.slice(before)) {
        expect([seen, isRestrictedRoute(method, seen.replace(/\?.*$/, ''))]).toEqual([seen, true]);
      }
    }
    // Dots that the parser resolves lead to rows, so the loop has looked at something.
    expect(received.length).toBeGreaterThan(3);
  });

  test.each(ownTargets)('never reach it under /_edge/: $target', async ({ target }) => {
    const { received } = world.deployment;
    const before = received.length;
    await ask(target, world.backend);
    await ask(target, world.full);
    // Out of our namespace before the Worker sees it.
    const left = target === '/_edge/%2e%2e/x' ? ['/x', '/x'] : [];
    expect(received.slice(before).map((request) => request.target)).toEqual(left);
  });

  async function ask(target: string, { token }: { readonly token: string }): Promise<void> {
    const bytes = Uint8Array.from(target, (character) => character.charCodeAt(0));
    const { pathname, search } = new URL(EDGE_URL + new TextDecoder().decode(bytes));
    await world.deployment.call({
      seen: pathname + search,
      headers: [['Authorization', `Bearer ${token}`]],
    });
  }
});
