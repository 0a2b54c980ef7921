/**
 * Runs Workers on plain `workerd serve`: a socket leads straight to the Worker, and the Worker's
 * `fetch` straight to the network. (In Miniflare, a Worker in JavaScript sits on every outbound
 * request, which would hide what is measured here.)
 *
 * A Worker with bindings gets the very services that Miniflare would give it: Miniflare is started
 * once, filled, asked what it hands to workerd, and stopped; our workerd then uses its storage.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { coreUnderTest, type Prefix } from './cores.ts';
import { cpuSecondsOf, start, stop } from './processes.ts';

/** A server under test. */
export type Server = {
  url: string;
  pid: number;
  /** The processor time that it has used until now, all threads together. */
  cpuSeconds(): Promise<number>;
  dispose(): Promise<void>;
};

/** workerd's configuration as JSON: the fields of `workerd.capnp` by their names. */
export type WorkerdConfig = {
  services: Service[];
  /** The first one is the one that `serveWorkerd` tells the URL of. */
  sockets: { name: string; address: string; service: { name: string }; http: object }[];
  extensions?: unknown[];
  v8Flags?: string[];
};

type Service = { name: string; [kind: string]: unknown };

const require = createRequire(import.meta.url);
const workerdPath = (require('workerd') as { default: string }).default;

/** workerd's version, as it says itself. */
export async function workerdVersion(): Promise<string> {
  const child = spawn(workerdPath, ['--version'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  return output.trim();
}

/** A file beside the configuration, which workerd reads as it is: no text of it has to be parsed. */
export class EmbeddedFile {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** The configuration of a Worker that has no bindings but texts. */
export function plainWorker(
  source: string | EmbeddedFile,
  compatibilityDate: string,
  texts: Record<string, string> = {},
): WorkerdConfig {
  return {
    services: [
      {
        name: 'worker',
        worker: {
          modules: [{ name: 'index.js', esModule: source }],
          compatibilityDate,
          bindings: Object.entries(texts).map(([name, text]) => ({ name, text })),
          globalOutbound: { name: 'internet' },
        },
      },
      internet,
    ],
    sockets: [socketTo('worker')],
  };
}

/** The name that Miniflare gives the service of a Worker. */
export function serviceOf(workerName: string): string {
  return `core:user:${workerName}`;
}

/**
 * Returns the configuration that Miniflare would hand to workerd, without the services around the Worker:
 * sockets lead to the Worker alone, `fetch` goes to the network alone, and nothing talks to Miniflare.
 */
export function withoutMiniflare(dump: WorkerdConfig, workerName: string): WorkerdConfig {
  const own = [
    internet,
    { name: 'loopback', worker: { ...loopback, compatibilityDate: '2026-01-01' } },
  ];
  const services = new Map(dump.services.map((service) => [service.name, service]));
  for (const service of own) services.set(service.name, service);

  const entry = serviceOf(workerName);
  const worker = services.get(entry)?.['worker'] as Record<string, unknown> | undefined;
  if (worker === undefined) throw new Error(`Cannot find the service "${entry}" in the dump`);
  worker['globalOutbound'] = { name: 'internet' };
  delete worker['containerEngine'];

  return {
    services: [...servicesReachedFrom(entry, services)],
    sockets: [socketTo(entry)],
    extensions: dump.extensions ?? [],
  };
}

/** Starts workerd and waits until it listens. `folder` is for its configuration and what it logs. */
export async function serveWorkerd(
  folder: string,
  config: WorkerdConfig,
  cores: Prefix = coreUnderTest,
  moreArguments: readonly string[] = [],
): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const configPath = join(folder, 'config.capnp');
  await writeFile(configPath, toCapnp(config));
  const child = start(
    cores,
    workerdPath,
    ['serve', configPath, '--experimental', '--control-fd=3', ...moreArguments],
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] },
  );
  const errors: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (errors.length < 100) errors.push(text);
  });
  const port = await listeningPort(child, config.sockets[0]?.name).catch((error) => {
    throw new Error(`${error}\n${errors.join('')}`);
  });
  const pid = child.pid as number;
  return {
    url: `http://127.0.0.1:${port}`,
    pid,
    cpuSeconds: () => cpuSecondsOf(pid),
    dispose: () => stop(child),
  };
}

async function listeningPort(child: ChildProcess, socket = 'http'): Promise<number> {
  const exited = once(child, 'exit').then(() => {
    throw new Error('Cannot start workerd: it exited');
  });
  const lines = createInterface(child.stdio[3] as Readable);
  const listening = (async () => {
    for await (const line of lines) {
      const event = JSON.parse(line) as { event: string; socket?: string; port?: number };
      const isIt = event.event === 'listen' && event.socket === socket;
      if (isIt && event.port !== undefined) return event.port;
    }
    throw new Error('Cannot start workerd: it does not listen');
  })();
  exited.catch(() => undefined);
  return Promise.race([listening, exited]);
}

function socketTo(service: string): WorkerdConfig['sockets'][number] {
  return { name: 'http', address: '127.0.0.1:0', service: { name: service }, http: {} };
}

const internet: Service = { name: 'internet', network: { allow: ['public', 'private'] } };

// Miniflare's storage Workers report to it over this service, which has no listener any more.
const loopback = {
  modules: [
    {
      name: 'index.js',
      esModule: 'export default { fetch() { return new Response(null, { status: 204 }); } }',
    },
  ],
};

/** A service and all that it names, directly or not. */
export function servicesReachedFrom(entry: string, services: Map<string, Service>): Set<Service> {
  const reached = new Set<Service>();
  const visit = (value: unknown) => {
    if (typeof value === 'string') {
      const service = services.get(value);
      if (service === undefined || reached.has(service)) return;
      reached.add(service);
      visit(service);
    } else if (typeof value === 'object' && value !== null) {
      for (const member of Object.values(value)) visit(member);
    }
  };
  visit(entry);
  return reached;
}

/** Cap'n Proto's text format. https://capnproto.org/language.html#constants */
function toCapnp(config: WorkerdConfig): string {
  return `using Workerd = import "/workerd/workerd.capnp";\nconst config :Workerd.Config = ${toValue(config)};\n`;
}

function toValue(value: unknown): string {
  if (typeof value === 'string') return toText(value);
  if (value === null) return 'void';
  if (value instanceof EmbeddedFile) return `embed ${toText(value.name)}`;
  if (Array.isArray(value)) return `[${value.map(toValue).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `(${members.map(([name, member]) => `${name} = ${toValue(member)}`).join(', ')})`;
  }
  return String(value);
}

/** JSON's escapes are Cap'n Proto's but for `\u`, which JSON uses for control characters. */
function toText(text: string): string {
  return JSON.stringify(text).replace(/\\u00([0-9a-f]{2})/g, '\\x$1');
}
