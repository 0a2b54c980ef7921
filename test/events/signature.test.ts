import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { signEvent } from '../../src/events/signature.ts';

const encode = (bytes: Uint8Array) => `whsec_${btoa(String.fromCharCode(...bytes))}`;

describe('signEvent()', () => {
  test.each(['whsec_', 'whsec_%', 'whsec_a'])('rejects the secret %s', async (secret) => {
    await expect(signEvent(secret, { id: 'a', timestamp: '1', body: '' })).rejects.toThrow();
  });

  // https://docs.svix.com/receiving/verifying-payloads/how-manual
  test('signs the published example as it is published', async () => {
    const parts = {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: '1614265330',
      body: '{"test": 2432232314}',
    };
    const signature = await signEvent('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', parts);
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  test('signs as the library that receivers verify with does', async () => {
    const secret = fc.uint8Array({ minLength: 24, maxLength: 64 }).map(encode);
    const time = fc.integer({ min: 0, max: 4_000_000_000 });
    const text = fc.string({ unit: 'binary' });
    const property = fc.asyncProperty(secret, time, text, text, async (key, seconds, id, body) => {
      const theirs = new Webhook(key).sign(id, new Date(seconds * 1000), body);
      expect(await signEvent(key, { id, timestamp: String(seconds), body })).toBe(theirs);
    });
    await fc.assert(property, { numRuns: 200 });
  });
});
