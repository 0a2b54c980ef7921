/**
 * Real bindings that can be made to fail, to hang and to be slow, each by itself: what is called is
 * the real thing, when it is called at all.
 */

/** The present state of a binding. Every holder of this object may change it. */
export interface Health {
  mode: 'well' | 'failing' | 'hanging' | 'slow';
  /** Counts the calls that go to the store. */
  calls?: number;
}

/** How long a slow binding takes: more than KV and the cache are given, less than D1 is. */
export const SLOW_MS = 600;

/** Calls that go to the store. Every other call prepares one, and what it returns may go there. */
const storeCalls = new Set([
  ...['batch', 'first', 'all', 'run', 'raw', 'exec'],
  ...['get', 'getWithMetadata', 'put', 'list', 'delete'],
  ...['match', 'send', 'sendBatch'],
]);

const realThings = new WeakMap<object, object>();

/** A binding behind its health. */
export function faulty<Binding extends object>(binding: Binding, health: Health): Binding {
  const wrapped = new Proxy(binding, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== 'function') return member;
      return (...values: unknown[]) => {
        const call = () => Reflect.apply(member, target, values.map(unwrap)) as unknown;
        if (storeCalls.has(String(name))) return endure(health, call);
        const result = call();
        return isObject(result) ? faulty(result, health) : result;
      };
    },
  });
  realThings.set(wrapped, binding);
  return wrapped;
}

async function endure(health: Health, call: () => unknown): Promise<unknown> {
  health.calls = (health.calls ?? 0) + 1;
  switch (health.mode) {
    case 'well':
      return call();
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
      return call();
    case 'failing':
      throw new Error('the store failed');
    case 'hanging':
      return new Promise(() => {});
  }
}

/** A batch is of real statements, not of our wrappers. */
function unwrap(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrap);
  return isObject(value) ? (realThings.get(value) ?? value) : value;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
