/**
 * The opt-in to client tokens as options of `keys create` and `keys edit`.
 */

import { type Command, Option } from 'commander';
import type { AccessRule } from '../core/key/key.ts';
import type { EditKeyRequest, Key } from '../management-client/schema.ts';
import { usageError } from './failures.ts';
import { duration, ruleOption } from './options.ts';

/** The options, as the parser gives them. */
export interface ClientTokenOptions {
  /** Origins of the pages; `false`: the key gives no client tokens. */
  readonly clientTokens?: string[] | false;
  readonly clientAllow?: AccessRule[];
  readonly clientRuleSet?: string;
  readonly clientMaxTtl?: number;
  readonly clientOriginOptional?: boolean;
}

type OptIn = NonNullable<NonNullable<EditKeyRequest['access']>['clientTokens']>;

/** Adds the options that create and edit share. */
export function addClientTokenOptions(command: Command): Command {
  return command
    .option(
      '--client-tokens <origin...>',
      'let a backend key mint client tokens for pages of these origins',
    )
    .addOption(
      new Option(
        '--client-allow <rule>',
        'what client tokens may call, such as "GET /api/asset/:id"; may be repeated. Otherwise: the restricted routes',
      ).argParser(ruleOption),
    )
    .addOption(
      new Option(
        '--client-rule-set <reference>',
        'the rule set that says what client tokens may call, such as livepeer@1',
      ).conflicts('clientAllow'),
    )
    .addOption(
      new Option(
        '--client-max-ttl <duration>',
        'their longest lifetime, such as 10m; at most 1h',
      ).argParser(duration),
    )
    .option('--client-origin-optional', 'let GET and HEAD with a client token come without Origin');
}

/**
 * Returns the opt-in that options ask for; `null`: it ends, and `undefined`: it stays as it is. Throws a
 * `CommandError` for options about client tokens of a key that gives none.
 */
export function clientTokensFrom(
  options: ClientTokenOptions,
  current: NonNullable<Key['access']>['clientTokens'] | undefined,
): OptIn | null | undefined {
  const { clientTokens, clientAllow, clientRuleSet, clientMaxTtl, clientOriginOptional } = options;
  const limits = {
    ...(clientAllow && { rules: clientAllow.map(toRule) }),
    ...(clientAllow && current?.ruleSet && { ruleSet: null }),
    ...(clientRuleSet && { ruleSet: clientRuleSet, ...(current?.rules && { rules: null }) }),
    ...(clientMaxTtl !== undefined && { maxTtlSeconds: clientMaxTtl }),
    ...(clientOriginOptional && { originOptional: true }),
  };
  const hasLimits = Object.keys(limits).length > 0;
  if (clientTokens === false && !hasLimits) return null;
  if (clientTokens) return { allowedOrigins: clientTokens, ...limits };
  if (!hasLimits) return undefined;
  if (clientTokens !== false && current !== undefined) return limits;
  throw usageError(
    'Cannot limit the client tokens of a key that gives none: say on which origins with --client-tokens <origin>',
  );
}

function toRule({ methods, resources }: AccessRule) {
  return { methods: [...methods], resources: [...resources] };
}
