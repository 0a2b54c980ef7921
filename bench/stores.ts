/**
 * Puts the simulators of D1, KV, the Queue, the limiters and the Cache API into a workerd of their own,
 * as on Cloudflare, where they are not in the Worker's process either. What the process of the Worker
 * then holds is the runtime's and ours alone.
 *
 * Bindings stay what they are; the service behind each is reached over HTTP. Only a batch of the
 * Queue goes the other way and is no HTTP request, so two small Workers carry it.
 */

import { freePort } from '../test/support/node/ports.ts';
import { servicesReachedFrom, type WorkerdConfig } from './workerd.ts';

/** The configurations of the two processes. The stores have to start first. */
export type SeparateStores = { worker: WorkerdConfig; stores: WorkerdConfig };

type Service = WorkerdConfig['services'][number];
type Designator = { name: string; props?: unknown };

const compatibilityDate = '2026-10-01';
// The Cache API's simulator goes by the whole URL.
const http = { forwardedProtoHeader: 'Stores-Proto', cfBlobHeader: 'Stores-Cf' };

/** Takes one Worker's configuration apart. `workerService` is its service. */
export async function separateStores(
  config: WorkerdConfig,
  workerService: string,
): Promise<SeparateStores> {
  const services = new Map(config.services.map((service) => [service.name, service]));
  const worker = structuredClone(services.get(workerService)) as Service;
  const queuePort = await freePort();

  const sockets: WorkerdConfig['sockets'] = [];
  const behindHttp: Service[] = [];
  const replace = async (designator: Designator) => {
    const name = `store-${sockets.length}`;
    const address = `127.0.0.1:${await freePort()}`;
    sockets.push({ name, address, service: { ...designator }, http });
    behindHttp.push({ name, external: { address, http } });
    return { name };
  };
  const { globalOutbound, ...members } = worker['worker'] as Record<string, unknown>;
  worker['worker'] = { ...(await replaceDesignators(members, services, replace)), globalOutbound };

  // What the Queue calls by the Worker's name is the one that carries batches to it.
  const carrier = carrierTo(workerService, `127.0.0.1:${queuePort}`);
  for (const service of carrier) services.set(service.name, service);
  const stored = sockets.flatMap(({ service }) => [...servicesReachedFrom(service.name, services)]);
  return {
    worker: {
      ...config,
      services: [
        worker,
        ...servicesReachedFrom(String((globalOutbound as Designator).name), services),
        ...behindHttp,
        receiverFor(workerService),
      ],
      sockets: [
        ...config.sockets,
        {
          name: 'queue',
          address: `127.0.0.1:${queuePort}`,
          service: { name: 'receiver' },
          http: {},
        },
      ],
    },
    stores: { ...config, services: [...new Set(stored)], sockets },
  };
}

/** The same value with each designator of a known service replaced, however deep it stands. */
async function replaceDesignators<Value>(
  value: Value,
  services: ReadonlyMap<string, Service>,
  replace: (designator: Designator) => Promise<Designator>,
): Promise<Value> {
  if (Array.isArray(value)) {
    const members = [];
    for (const member of value) members.push(await replaceDesignators(member, services, replace));
    return members as Value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if ('name' in value && services.has(String(value.name))) {
    return (await replace(value as unknown as Designator)) as Value;
  }
  const members: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    members.push([name, await replaceDesignators(member, services, replace)]);
  }
  return Object.fromEntries(members) as Value;
}

/** Beside the stores: takes a batch from the Queue, and treats its messages as the consumer decides. */
function carrierTo(workerService: string, address: string): Service[] {
  const source = `export default {
    async queue(batch, env) {
      const messages = batch.messages.map(({ id, timestamp, body, attempts }) =>
        ({ id, timestamp: timestamp.getTime(), body, attempts }));
      const response = await env.RECEIVER.fetch('http://receiver/' + batch.queue,
        { method: 'POST', body: JSON.stringify(messages) });
      const { outcome, retryBatch, retryMessages } = await response.json();
      if (outcome !== 'ok' || retryBatch.retry) return batch.retryAll();
      for (const { msgId, delaySeconds } of retryMessages ?? []) {
        batch.messages.find(({ id }) => id === msgId).retry({ delaySeconds });
      }
    },
  };`;
  return [
    {
      name: workerService,
      worker: {
        modules: [{ name: 'index.js', esModule: source }],
        compatibilityDate,
        bindings: [{ name: 'RECEIVER', service: { name: 'receiver' } }],
      },
    },
    { name: 'receiver', external: { address, http: {} } },
  ];
}

/** Beside the Worker: hands it a batch, and answers what it says of the messages. */
function receiverFor(workerService: string): Service {
  const source = `export default {
    async fetch(request, env) {
      const messages = (await request.json()).map((message) =>
        ({ ...message, timestamp: new Date(message.timestamp) }));
      return Response.json(await env.WORKER.queue(new URL(request.url).pathname.slice(1), messages));
    },
  };`;
  return {
    name: 'receiver',
    worker: {
      modules: [{ name: 'index.js', esModule: source }],
      compatibilityDate,
      compatibilityFlags: ['experimental', 'service_binding_extra_handlers'],
      bindings: [{ name: 'WORKER', service: { name: workerService } }],
    },
  };
}
