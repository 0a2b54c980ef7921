/**
 * The documents and endpoints of the management API, as types.
 *
 * Made from its OpenAPI document by `npm run generate:client`; changes belong there.
 */

/**
 * The body of `reportLeaks`.
 *
 * @maxItems 1000
 */
export type ReportLeaksRequest = {
  /**
   * The token that was found.
   */
  token: string;
  /**
   * The name that the pattern was registered under.
   */
  type: string;
  /**
   * The place where it was found; may be empty.
   */
  url?: string;
  /**
   * In what it was found, such as "commit".
   */
  source?: string;
}[];
/**
 * The answer of `reportLeaks`.
 */
export type ReportLeaksAnswer = {
  /**
   * SHA-256 of the token in hexadecimal.
   */
  token_hash: string;
  /**
   * The "type" of the report.
   */
  token_type: string;
  /**
   * true_positive: a key has, or had, this token.
   */
  label: 'true_positive' | 'false_positive';
}[];

/**
 * A key, without its token.
 */
export interface Key {
  /**
   * Never used again for another key.
   */
  id: string;
  /**
   * The name that its owner gave the key.
   */
  name: string;
  /**
   * The account that the key acts for; null: none.
   */
  owner: string | null;
  /**
   * The rights of the key; null: a backend key with nothing of its own.
   */
  access: {
    /**
     * Present on keys for pages.
     */
    cors?: {
      /**
       * The allowed origins in their canonical form.
       */
      allowedOrigins: string[];
      /**
       * true: pages may call everything; false: the restricted routes alone.
       */
      fullAccess: boolean;
    };
    /**
     * The key's own list of routes.
     */
    rules?: {
      /**
       * Methods in lower case, or `*`.
       */
      methods: string[];
      /**
       * Paths.
       */
      resources: string[];
    }[];
    /**
     * The rule set that the key refers to. Absent: no set.
     */
    ruleSet?: string;
    /**
     * Blocks of the addresses that the key may be used from, in canonical form. Absent: any address.
     */
    addresses?: string[];
    /**
     * Present on backend keys that give client tokens.
     */
    clientTokens?: {
      /**
       * Origins of the pages that hold client tokens.
       */
      allowedOrigins: string[];
      /**
       * The routes that they may call; null: the restricted routes of the deployment.
       */
      rules:
        | {
            /**
             * Methods in lower case, or `*`.
             */
            methods: string[];
            /**
             * Paths.
             */
            resources: string[];
          }[]
        | null;
      /**
       * The rule set that they refer to. Absent: no set.
       */
      ruleSet?: string;
      /**
       * Their longest lifetime, in seconds.
       */
      maxTtlSeconds: number;
      /**
       * true: GET and HEAD need no Origin.
       */
      originOptional: boolean;
      /**
       * true: their connections end when they expire.
       */
      endConnectionsAtExpiry: boolean;
    };
  } | null;
  /**
   * The beginning of the token, to recognise it by.
   */
  hint: string;
  /**
   * When the key was made.
   */
  createdAt: string;
  /**
   * When the key expires; null: never.
   */
  expiresAt: string | null;
  /**
   * false: the key does not work until it is enabled again.
   */
  enabled: boolean;
  /**
   * On keys with client tokens: those that were issued earlier are void.
   */
  clientTokensValidFrom?: string | null;
  /**
   * true: the operator has suspended the key, so that it does not work.
   */
  suspended: boolean;
  /**
   * The last edit, roll or revocation. Use of the key does not count.
   */
  updatedAt: string;
  /**
   * When the key was revoked, for good; null: it was not. Revoked keys can be read until they are deleted.
   */
  revokedAt: string | null;
  /**
   * The last allowed request. Later ones within a minute of it may be left out.
   */
  lastUsedAt: string | null;
  /**
   * Texts about the key for the upstream. Absent without any.
   */
  meta?: {
    [k: string]: string;
  };
  /**
   * Tags for the upstream. Absent without any.
   */
  tags?: string[];
  /**
   * The limit of the setting LIMITERS. Absent: KEY_LIMITER limits the key.
   */
  limit?: string;
  /**
   * The limit counts by this. Absent without a limit.
   */
  limitBy?: 'key' | 'owner' | 'address' | 'client';
  /**
   * How much the key may be used. Absent: without end.
   */
  quota?: {
    /**
     * Requests in a period.
     */
    requests: number;
    /**
     * A day or a month of UTC.
     */
    period: 'day' | 'month';
  };
  /**
   * The rest of the quota. Absent in lists, and on keys without a quota.
   */
  quotaUse?: {
    /**
     * The use in this period, a few seconds late.
     */
    used: number;
    /**
     * The rest of it, at least 0.
     */
    left: number;
    /**
     * When the next period begins.
     */
    renewsAt: string;
  };
  /**
   * The tokens from before a roll that remain valid, the one that expires last first. They end with the key, if that is earlier.
   */
  retiringTokens: {
    /**
     * When the token ends.
     */
    endsAt: string;
  }[];
  /**
   * Wildcards among the allowed origins that deserve a second look, such as one that strangers can match. Absent without any.
   */
  warnings?: {
    /**
     * The entry of the allowed origins.
     */
    origin: string;
    /**
     * The reason to look at it, as a sentence.
     */
    warning: string;
  }[];
}
/**
 * A key with its token, which is shown this once.
 */
export interface KeyWithToken {
  /**
   * Never used again for another key.
   */
  id: string;
  /**
   * The name that its owner gave the key.
   */
  name: string;
  /**
   * The account that the key acts for; null: none.
   */
  owner: string | null;
  /**
   * The rights of the key; null: a backend key with nothing of its own.
   */
  access: {
    /**
     * Present on keys for pages.
     */
    cors?: {
      /**
       * The allowed origins in their canonical form.
       */
      allowedOrigins: string[];
      /**
       * true: pages may call everything; false: the restricted routes alone.
       */
      fullAccess: boolean;
    };
    /**
     * The key's own list of routes.
     */
    rules?: {
      /**
       * Methods in lower case, or `*`.
       */
      methods: string[];
      /**
       * Paths.
       */
      resources: string[];
    }[];
    /**
     * The rule set that the key refers to. Absent: no set.
     */
    ruleSet?: string;
    /**
     * Blocks of the addresses that the key may be used from, in canonical form. Absent: any address.
     */
    addresses?: string[];
    /**
     * Present on backend keys that give client tokens.
     */
    clientTokens?: {
      /**
       * Origins of the pages that hold client tokens.
       */
      allowedOrigins: string[];
      /**
       * The routes that they may call; null: the restricted routes of the deployment.
       */
      rules:
        | {
            /**
             * Methods in lower case, or `*`.
             */
            methods: string[];
            /**
             * Paths.
             */
            resources: string[];
          }[]
        | null;
      /**
       * The rule set that they refer to. Absent: no set.
       */
      ruleSet?: string;
      /**
       * Their longest lifetime, in seconds.
       */
      maxTtlSeconds: number;
      /**
       * true: GET and HEAD need no Origin.
       */
      originOptional: boolean;
      /**
       * true: their connections end when they expire.
       */
      endConnectionsAtExpiry: boolean;
    };
  } | null;
  /**
   * The beginning of the token, to recognise it by.
   */
  hint: string;
  /**
   * When the key was made.
   */
  createdAt: string;
  /**
   * When the key expires; null: never.
   */
  expiresAt: string | null;
  /**
   * false: the key does not work until it is enabled again.
   */
  enabled: boolean;
  /**
   * On keys with client tokens: those that were issued earlier are void.
   */
  clientTokensValidFrom?: string | null;
  /**
   * true: the operator has suspended the key, so that it does not work.
   */
  suspended: boolean;
  /**
   * The last edit, roll or revocation. Use of the key does not count.
   */
  updatedAt: string;
  /**
   * When the key was revoked, for good; null: it was not. Revoked keys can be read until they are deleted.
   */
  revokedAt: string | null;
  /**
   * The last allowed request. Later ones within a minute of it may be left out.
   */
  lastUsedAt: string | null;
  /**
   * Texts about the key for the upstream. Absent without any.
   */
  meta?: {
    [k: string]: string;
  };
  /**
   * Tags for the upstream. Absent without any.
   */
  tags?: string[];
  /**
   * The limit of the setting LIMITERS. Absent: KEY_LIMITER limits the key.
   */
  limit?: string;
  /**
   * The limit counts by this. Absent without a limit.
   */
  limitBy?: 'key' | 'owner' | 'address' | 'client';
  /**
   * How much the key may be used. Absent: without end.
   */
  quota?: {
    /**
     * Requests in a period.
     */
    requests: number;
    /**
     * A day or a month of UTC.
     */
    period: 'day' | 'month';
  };
  /**
   * The rest of the quota. Absent in lists, and on keys without a quota.
   */
  quotaUse?: {
    /**
     * The use in this period, a few seconds late.
     */
    used: number;
    /**
     * The rest of it, at least 0.
     */
    left: number;
    /**
     * When the next period begins.
     */
    renewsAt: string;
  };
  /**
   * The tokens from before a roll that remain valid, the one that expires last first. They end with the key, if that is earlier.
   */
  retiringTokens: {
    /**
     * When the token ends.
     */
    endsAt: string;
  }[];
  /**
   * Wildcards among the allowed origins that deserve a second look, such as one that strangers can match. Absent without any.
   */
  warnings?: {
    /**
     * The entry of the allowed origins.
     */
    origin: string;
    /**
     * The reason to look at it, as a sentence.
     */
    warning: string;
  }[];
  /**
   * Shown this once, and stored nowhere.
   */
  token: string;
}
/**
 * A refusal.
 */
export interface Problem {
  /**
   * Links to the explanation of the code.
   */
  type: string;
  /**
   * The code in a few words.
   */
  title: string;
  /**
   * The status of the response.
   */
  status: number;
  /**
   * The fault of this request.
   */
  detail: string;
  /**
   * Stable. Also in the header X-Edge-Reason.
   */
  code:
    | 'missing_credentials'
    | 'malformed_credentials'
    | 'invalid_credentials'
    | 'account_unknown'
    | 'insufficient_scope'
    | 'cross_site_request'
    | 'invalid_signature'
    | 'invalid_key'
    | 'cors_not_enabled'
    | 'client_token_expired'
    | 'invalid_origin'
    | 'origin_not_allowed'
    | 'origin_required'
    | 'backend_key_required'
    | 'address_not_allowed'
    | 'client_tokens_not_enabled'
    | 'not_found'
    | 'method_not_allowed'
    | 'target_too_long'
    | 'malformed_json'
    | 'malformed_header'
    | 'unsupported_media_type'
    | 'body_too_large'
    | 'invalid_fields'
    | 'idempotency_key_reused'
    | 'token_not_replayable'
    | 'duplicate_tokens'
    | 'quota_of_owner'
    | 'rate_limited'
    | 'operator_only'
    | 'too_many_tokens'
    | 'precondition_failed'
    | 'conflict'
    | 'leaks_left'
    | 'not_configured'
    | 'schema_missing'
    | 'unavailable'
    | 'internal_error';
  /**
   * Every problem as a sentence.
   */
  errors: string[];
  /**
   * Finds the request in the logs.
   */
  requestId: string;
  /**
   * The fields at fault, at most 100 of them, in at most 64 KiB of text.
   */
  problems?: {
    /**
     * The place in the document; empty: the document itself.
     */
    path: string;
    /**
     * The value that was sent, shortened; null if it may be a secret or is absent.
     */
    value: unknown;
    /**
     * The fault of the value.
     */
    reason: string;
    /**
     * The way to mend it.
     */
    fix: string;
  }[];
  /**
   * How many more fields are at fault.
   */
  moreProblems?: number;
  /**
   * The key that a request made before.
   */
  keyId?: string;
}
/**
 * The body of `createKey`.
 */
export interface CreateKeyRequest {
  /**
   * The name that its owner gave the key. Need not be unique.
   */
  name: string;
  /**
   * The account that the key acts for; null: no account. People own their keys.
   */
  owner?: string | null;
  /**
   * The rights of the key; null: it is for backends, which may call everything.
   */
  access?: {
    /**
     * The access of pages; null: the key is for backends.
     */
    cors?: {
      /**
       * Origins such as "https://app.example.com", "https://*.example.com" for any subdomain, "https://my-app-*.vercel.app" for preview deployments, "http://localhost:*" for any port, or "*" for any origin. At least one. Under a public suffix such as vercel.app, strangers can register matching names.
       *
       * @minItems 1
       * @maxItems 500
       */
      allowedOrigins: string[];
      /**
       * true: pages may call everything; false: the restricted routes alone.
       */
      fullAccess?: boolean;
    } | null;
    /**
     * The routes that the key may call, in place of the restricted ones; null: no routes of its own.
     */
    rules?:
      | {
          /**
           * Methods in upper or lower case, or "*" for any.
           *
           * @minItems 1
           * @maxItems 100
           */
          methods: string[];
          /**
           * Paths, with ":name" for one id and "*" as the last segment for what follows.
           *
           * @minItems 1
           * @maxItems 100
           */
          resources: string[];
        }[]
      | null;
    /**
     * The rule set whose routes the key may call, in place of rules and of the restricted routes; null: no set.
     */
    ruleSet?: string | null;
    /**
     * Blocks of the addresses that the key may be used from, by its client tokens too; null: any address.
     */
    addresses?: string[] | null;
    /**
     * The rights of the client tokens of a backend key; null: it gives no client tokens. A key that opts in later mints after its next roll.
     */
    clientTokens?: {
      /**
       * Origins of the pages that hold client tokens. At least one.
       *
       * @minItems 1
       * @maxItems 500
       */
      allowedOrigins: string[];
      /**
       * The routes that client tokens may call; null: the restricted routes of the deployment.
       */
      rules?:
        | {
            /**
             * Methods in upper or lower case, or "*" for any.
             *
             * @minItems 1
             * @maxItems 100
             */
            methods: string[];
            /**
             * Paths, with ":name" for one id and "*" as the last segment for what follows.
             *
             * @minItems 1
             * @maxItems 100
             */
            resources: string[];
          }[]
        | null;
      /**
       * The rule set whose routes client tokens may call, in place of rules; null: no set.
       */
      ruleSet?: string | null;
      /**
       * Longest lifetime of a client token, in seconds. Default: 600.
       */
      maxTtlSeconds?: number;
      /**
       * true: GET and HEAD need no Origin. Media elements of Safari send no Origin.
       */
      originOptional?: boolean;
      /**
       * true: WebSockets and event streams end when their client token expires.
       */
      endConnectionsAtExpiry?: boolean;
    } | null;
  } | null;
  /**
   * When the key expires; null: never. A time in the past is for edits and imports alone: the key stops now.
   */
  expiresAt?: string | null;
  /**
   * Texts about the key for the upstream, which receives them as X-Edge-Meta and in the assertion: at most 1024 bytes of JSON in ASCII. Set by the operator alone, like the members up to "quota".
   */
  meta?: {
    [k: string]: string;
  } | null;
  /**
   * Up to 20 tags, which the upstream receives as X-Edge-Tags and in the assertion.
   */
  tags?: string[] | null;
  /**
   * A limit of the setting LIMITERS, in place of KEY_LIMITER; null: none.
   */
  limit?: string | null;
  /**
   * The limit counts by this: the key (the default), its owner, the network of the client, or the visitor of a client token.
   */
  limitBy?: ('key' | 'owner' | 'address' | 'client') | null;
  /**
   * How much the key may be used in a day or a month of UTC; null: without end.
   */
  quota?: {
    /**
     * How many requests the key may send in a period. Costly routes count as more.
     */
    requests: number;
    /**
     * A day or a month of UTC.
     */
    period: 'day' | 'month';
  } | null;
}
/**
 * The answer of `listKeys`.
 */
export interface ListKeysAnswer {
  /**
   * The keys of this page, in order.
   */
  keys: Key[];
  /**
   * The cursor of the next page, for the same filters and order; null: none.
   */
  nextCursor: string | null;
  /**
   * How many keys the filters leave, if "total" is true.
   */
  total?: number;
  /**
   * false: there may be more, since no more than 10000 keys were looked at.
   */
  totalIsExact?: boolean;
}
/**
 * The body of `editKey`.
 */
export interface EditKeyRequest {
  /**
   * The name that its owner gave the key. Need not be unique.
   */
  name?: string;
  /**
   * Members that are absent stay as they are, and null clears one. Cannot turn a backend key into a CORS key.
   */
  access?: {
    /**
     * The access of pages. Cannot be cleared on a key for pages.
     */
    cors?: {
      /**
       * Origins such as "https://app.example.com", "https://*.example.com" for any subdomain, "https://my-app-*.vercel.app" for preview deployments, "http://localhost:*" for any port, or "*" for any origin. At least one. Under a public suffix such as vercel.app, strangers can register matching names.
       *
       * @minItems 1
       * @maxItems 500
       */
      allowedOrigins?: string[];
      /**
       * true: pages may call everything; false: the restricted routes alone.
       */
      fullAccess?: boolean;
    } | null;
    /**
     * The routes that the key may call, in place of the restricted ones; null: no routes of its own.
     */
    rules?:
      | {
          /**
           * Methods in upper or lower case, or "*" for any.
           *
           * @minItems 1
           * @maxItems 100
           */
          methods: string[];
          /**
           * Paths, with ":name" for one id and "*" as the last segment for what follows.
           *
           * @minItems 1
           * @maxItems 100
           */
          resources: string[];
        }[]
      | null;
    /**
     * The rule set whose routes the key may call, in place of rules and of the restricted routes; null: no set.
     */
    ruleSet?: string | null;
    /**
     * Blocks of the addresses that the key may be used from, by its client tokens too; null: any address.
     */
    addresses?: string[] | null;
    /**
     * The rights of client tokens; null: the key gives no client tokens any more.
     */
    clientTokens?: {
      /**
       * Origins of the pages that hold client tokens. At least one.
       *
       * @minItems 1
       * @maxItems 500
       */
      allowedOrigins?: string[];
      /**
       * The routes that client tokens may call; null: the restricted routes of the deployment.
       */
      rules?:
        | {
            /**
             * Methods in upper or lower case, or "*" for any.
             *
             * @minItems 1
             * @maxItems 100
             */
            methods: string[];
            /**
             * Paths, with ":name" for one id and "*" as the last segment for what follows.
             *
             * @minItems 1
             * @maxItems 100
             */
            resources: string[];
          }[]
        | null;
      /**
       * The rule set whose routes client tokens may call, in place of rules; null: no set.
       */
      ruleSet?: string | null;
      /**
       * Longest lifetime of a client token, in seconds. Default: 600.
       */
      maxTtlSeconds?: number;
      /**
       * true: GET and HEAD need no Origin. Media elements of Safari send no Origin.
       */
      originOptional?: boolean;
      /**
       * true: WebSockets and event streams end when their client token expires.
       */
      endConnectionsAtExpiry?: boolean;
    } | null;
  } | null;
  /**
   * When the key expires; null: never. A time in the past is for edits and imports alone: the key stops now.
   */
  expiresAt?: string | null;
  /**
   * Texts about the key for the upstream, which receives them as X-Edge-Meta and in the assertion: at most 1024 bytes of JSON in ASCII. Set by the operator alone, like the members up to "quota".
   */
  meta?: {
    [k: string]: string;
  } | null;
  /**
   * Up to 20 tags, which the upstream receives as X-Edge-Tags and in the assertion.
   */
  tags?: string[] | null;
  /**
   * A limit of the setting LIMITERS, in place of KEY_LIMITER; null: none.
   */
  limit?: string | null;
  /**
   * The limit counts by this: the key (the default), its owner, the network of the client, or the visitor of a client token.
   */
  limitBy?: ('key' | 'owner' | 'address' | 'client') | null;
  /**
   * How much the key may be used in a day or a month of UTC; null: without end.
   */
  quota?: {
    /**
     * How many requests the key may send in a period. Costly routes count as more.
     */
    requests: number;
    /**
     * A day or a month of UTC.
     */
    period: 'day' | 'month';
  } | null;
  /**
   * Voids every client token that was issued earlier. At most 60 seconds ahead; null: no token is void.
   */
  clientTokensValidFrom?: string | null;
  /**
   * false: the key does not work until it is enabled again.
   */
  enabled?: boolean;
  /**
   * true: the key does not work until the operator clears it. Set by the operator alone.
   */
  suspended?: boolean;
}
/**
 * The body of `rollKey`.
 */
export interface RollKeyRequest {
  /**
   * How long the tokens so far remain valid, in seconds. A token whose grace from an earlier roll ends sooner keeps that end.
   */
  graceSeconds?: number;
}
/**
 * The body of `importKeys`.
 */
export interface ImportKeysRequest {
  /**
   * The keys, as rows.
   *
   * @minItems 1
   * @maxItems 1000
   */
  keys: {
    /**
     * The name that its owner gave the key. Need not be unique.
     */
    name: string;
    /**
     * The account that the key acts for; null: no account. People own their keys.
     */
    owner?: string | null;
    /**
     * The rights of the key; null: it is for backends, which may call everything.
     */
    access?: {
      /**
       * The access of pages; null: the key is for backends.
       */
      cors?: {
        /**
         * Origins such as "https://app.example.com", "https://*.example.com" for any subdomain, "https://my-app-*.vercel.app" for preview deployments, "http://localhost:*" for any port, or "*" for any origin. At least one. Under a public suffix such as vercel.app, strangers can register matching names.
         *
         * @minItems 1
         * @maxItems 500
         */
        allowedOrigins: string[];
        /**
         * true: pages may call everything; false: the restricted routes alone.
         */
        fullAccess?: boolean;
      } | null;
      /**
       * The routes that the key may call, in place of the restricted ones; null: no routes of its own.
       */
      rules?:
        | {
            /**
             * Methods in upper or lower case, or "*" for any.
             *
             * @minItems 1
             * @maxItems 100
             */
            methods: string[];
            /**
             * Paths, with ":name" for one id and "*" as the last segment for what follows.
             *
             * @minItems 1
             * @maxItems 100
             */
            resources: string[];
          }[]
        | null;
      /**
       * The rule set whose routes the key may call, in place of rules and of the restricted routes; null: no set.
       */
      ruleSet?: string | null;
      /**
       * Blocks of the addresses that the key may be used from, by its client tokens too; null: any address.
       */
      addresses?: string[] | null;
      /**
       * The rights of the client tokens of a backend key; null: it gives no client tokens. A key that opts in later mints after its next roll.
       */
      clientTokens?: {
        /**
         * Origins of the pages that hold client tokens. At least one.
         *
         * @minItems 1
         * @maxItems 500
         */
        allowedOrigins: string[];
        /**
         * The routes that client tokens may call; null: the restricted routes of the deployment.
         */
        rules?:
          | {
              /**
               * Methods in upper or lower case, or "*" for any.
               *
               * @minItems 1
               * @maxItems 100
               */
              methods: string[];
              /**
               * Paths, with ":name" for one id and "*" as the last segment for what follows.
               *
               * @minItems 1
               * @maxItems 100
               */
              resources: string[];
            }[]
          | null;
        /**
         * The rule set whose routes client tokens may call, in place of rules; null: no set.
         */
        ruleSet?: string | null;
        /**
         * Longest lifetime of a client token, in seconds. Default: 600.
         */
        maxTtlSeconds?: number;
        /**
         * true: GET and HEAD need no Origin. Media elements of Safari send no Origin.
         */
        originOptional?: boolean;
        /**
         * true: WebSockets and event streams end when their client token expires.
         */
        endConnectionsAtExpiry?: boolean;
      } | null;
    } | null;
    /**
     * When the key expires; null: never. A time in the past is for edits and imports alone: the key stops now.
     */
    expiresAt?: string | null;
    /**
     * Texts about the key for the upstream, which receives them as X-Edge-Meta and in the assertion: at most 1024 bytes of JSON in ASCII. Set by the operator alone, like the members up to "quota".
     */
    meta?: {
      [k: string]: string;
    } | null;
    /**
     * Up to 20 tags, which the upstream receives as X-Edge-Tags and in the assertion.
     */
    tags?: string[] | null;
    /**
     * A limit of the setting LIMITERS, in place of KEY_LIMITER; null: none.
     */
    limit?: string | null;
    /**
     * The limit counts by this: the key (the default), its owner, the network of the client, or the visitor of a client token.
     */
    limitBy?: ('key' | 'owner' | 'address' | 'client') | null;
    /**
     * How much the key may be used in a day or a month of UTC; null: without end.
     */
    quota?: {
      /**
       * How many requests the key may send in a period. Costly routes count as more.
       */
      requests: number;
      /**
       * A day or a month of UTC.
       */
      period: 'day' | 'month';
    } | null;
    /**
     * The token as its users have it. Either this or "tokenHash".
     */
    token?: string;
    /**
     * SHA-256 of the token in hexadecimal. Either this or "token". Whether such a token can be sent and looked up cannot be checked.
     */
    tokenHash?: string;
    /**
     * With "tokenHash": what people recognise the token by, such as its first four characters.
     */
    hint?: string;
    /**
     * When the key was made elsewhere; absent: now.
     */
    createdAt?: string | null;
  }[];
  /**
   * The treatment of a row whose token is known: "fail" refuses the import, "skip" leaves the row out.
   */
  onConflict?: 'fail' | 'skip';
}
/**
 * The answer of `importKeys`.
 */
export interface ImportKeysAnswer {
  /**
   * How many keys were made.
   */
  imported: number;
  /**
   * Rows that were left out because their token is known.
   */
  skipped: number;
  /**
   * The keys, in the order of the rows.
   */
  keys: {
    /**
     * The id of the key.
     */
    id: string;
    /**
     * The name of the key.
     */
    name: string;
    /**
     * Its owner; null: no account.
     */
    owner: string | null;
    /**
     * The beginning of its token.
     */
    hint: string;
  }[];
}
/**
 * The body of `changeKeys`.
 */
export interface ChangeKeysRequest {
  /**
   * The change to each key. The operator alone suspends keys, and ends that.
   */
  action: 'revoke' | 'disable' | 'enable' | 'suspend' | 'unsuspend';
  /**
   * The keys that are meant, by the filters of GET /keys. "meta.<name>" is accepted as well as "meta". At least one member.
   */
  filter: {
    /**
     * Only the keys of this owner.
     */
    owner?: string;
    /**
     * Only keys in this state; absent: all but revoked ones. A key that is both disabled and expired is in both states. "live": it works.
     */
    state?: 'live' | 'disabled' | 'suspended' | 'expired' | 'revoked';
    /**
     * Only backend keys, or only CORS keys.
     */
    kind?: 'backend' | 'cors';
    /**
     * Only keys with this access, as the upstream receives it in X-Edge-Access.
     */
    access?: 'backend' | 'restricted' | 'full' | 'rules';
    /**
     * Only keys that list this allowed origin, for themselves or for their client tokens. A wildcard is found as it is listed, and by no origin that it admits.
     */
    origin?: string;
    /**
     * Only keys that were last used before this time. Keys that were never used count from their creation.
     */
    usedBefore?: string;
    /**
     * Only keys that expire, or have expired, before this time.
     */
    expiresBefore?: string;
    /**
     * Only keys with this tag.
     */
    tag?: string;
    /**
     * Only keys with this text anywhere in the name, or at the beginning of the id, the hint, the owner, an allowed origin or its host, in upper or lower case.
     */
    search?: string;
    /**
     * Only keys whose metadata has these texts: at most 5.
     */
    meta?: {
      [k: string]: string;
    };
  };
  /**
   * true: the answer names the keys that would change, and nothing changes.
   */
  dryRun?: boolean;
  /**
   * nextCursor of the page before.
   */
  cursor?: string;
  /**
   * How many keys this call handles at most. Each takes up to 13 queries of D1.
   */
  limit?: number;
}
/**
 * The answer of `changeKeys`.
 */
export interface ChangeKeysAnswer {
  /**
   * The keys of this slice that changed; in a dry run, that would change.
   */
  changed: {
    /**
     * The id of the key.
     */
    id: string;
    /**
     * The name of the key.
     */
    name: string;
    /**
     * Its owner; null: none.
     */
    owner: string | null;
  }[];
  /**
   * The place at which the next call begins; null: every key is done.
   */
  nextCursor: string | null;
  /**
   * In a dry run without cursor: how many keys the filter leaves.
   */
  total?: number;
  /**
   * false: no more than 10000 keys were looked at.
   */
  totalIsExact?: boolean;
}
/**
 * The answer of `getUsage`.
 */
export interface GetUsageAnswer {
  /**
   * The key.
   */
  keyId: string;
  /**
   * The first day that was asked for.
   */
  from: string;
  /**
   * Today.
   */
  to: string;
  /**
   * Requests by day and outcome, the oldest day first.
   */
  usage: {
    /**
     * The day, in UTC.
     */
    day: string;
    /**
     * "allowed", "denied:<code>" for a refusal, "upstream_error:<code>" where the API did not answer.
     */
    outcome: string;
    /**
     * How many there were.
     */
    requests: number;
    /**
     * Those among them that were sent with a client token of the key.
     */
    clientRequests: number;
  }[];
  /**
   * The sums by outcome.
   */
  totals: {
    [k: string]: number;
  };
  /**
   * The sums of clientRequests by outcome, without those that are 0.
   */
  clientTotals: {
    [k: string]: number;
  };
}
/**
 * The answer of `listRefusedOrigins`.
 */
export interface ListRefusedOriginsAnswer {
  /**
   * The origins, the latest refusal first.
   */
  origins: {
    /**
     * The origin as the browser sent it.
     */
    origin: string;
    /**
     * Why: "origin_not_allowed" or "cors_not_enabled".
     */
    code: string;
    /**
     * The last refusal.
     */
    lastAt: string;
    /**
     * How many refusals there were.
     */
    count: number;
  }[];
}
/**
 * The answer of `getUsageOverview`.
 */
export interface GetUsageOverviewAnswer {
  /**
   * The period that was asked for.
   */
  period: '24h' | '7d' | '30d' | '90d';
  /**
   * The length of a point of "usage".
   */
  unit: 'hour' | 'day';
  /**
   * The start of the first hour or day.
   */
  from: string;
  /**
   * The time of this answer.
   */
  to: string;
  /**
   * Requests by hour or day, and outcome, the earliest first.
   */
  usage: {
    /**
     * The start of the hour or day, in UTC.
     */
    start: string;
    /**
     * "allowed", "preflight_granted", "denied:<code>" for a refusal, "upstream_error:<code>" if the API did not answer.
     */
    outcome: string;
    /**
     * How many there were.
     */
    requests: number;
  }[];
  /**
   * The sums by outcome.
   */
  totals: {
    [k: string]: number;
  };
  /**
   * The first day of "endpoints" and "refusedOrigins", which are kept by day.
   */
  namesFrom: string;
  /**
   * Requests that were allowed by endpoint, the most frequent first, at most 20.
   */
  endpoints: {
    /**
     * The method.
     */
    method: string;
    /**
     * The route: a row of the restricted or public routes, or of the key's rules; null: the request fits none.
     */
    template: string | null;
    /**
     * How many there were.
     */
    requests: number;
  }[];
  /**
   * Requests of the endpoints that are not listed.
   */
  otherEndpointRequests: number;
  /**
   * Origins that keys refused, the most frequent first, at most 20.
   */
  refusedOrigins: {
    /**
     * The origin as the browser sent it.
     */
    origin: string;
    /**
     * How many there were.
     */
    requests: number;
  }[];
  /**
   * Refusals of the origins that are not listed.
   */
  otherRefusedOriginRequests: number;
}
/**
 * The answer of `listAudit`.
 */
export interface ListAuditAnswer {
  /**
   * The changes, newest first.
   */
  entries: {
    /**
     * The number of the line, as a cursor.
     */
    id: string;
    /**
     * When it was changed.
     */
    at: string;
    /**
     * "operator", "operator:" and the name of their token, "operator:person:" or "person:" and the subject of their JWT, "portal:" and the owner whom a link was made for, "holder" (with the token of the key itself), or "github secret scanning".
     */
    actor: string;
    /**
     * "leak": a token was found in public, and the key was left as it is.
     */
    action: 'create' | 'import' | 'edit' | 'roll' | 'revoke' | 'leak';
    /**
     * The key that was changed.
     */
    keyId: string;
    /**
     * The key before the change; null: it did not exist.
     */
    before: {
      /**
       * Never used again for another key.
       */
      id: string;
      /**
       * The name that its owner gave the key.
       */
      name: string;
      /**
       * The account that the key acts for; null: none.
       */
      owner: string | null;
      /**
       * The rights of the key; null: a backend key with nothing of its own.
       */
      access: {
        /**
         * Present on keys for pages.
         */
        cors?: {
          /**
           * The allowed origins in their canonical form.
           */
          allowedOrigins: string[];
          /**
           * true: pages may call everything; false: the restricted routes alone.
           */
          fullAccess: boolean;
        };
        /**
         * The key's own list of routes.
         */
        rules?: {
          /**
           * Methods in lower case, or `*`.
           */
          methods: string[];
          /**
           * Paths.
           */
          resources: string[];
        }[];
        /**
         * The rule set that the key refers to. Absent: no set.
         */
        ruleSet?: string;
        /**
         * Blocks of the addresses that the key may be used from, in canonical form. Absent: any address.
         */
        addresses?: string[];
        /**
         * Present on backend keys that give client tokens.
         */
        clientTokens?: {
          /**
           * Origins of the pages that hold client tokens.
           */
          allowedOrigins: string[];
          /**
           * The routes that they may call; null: the restricted routes of the deployment.
           */
          rules:
            | {
                /**
                 * Methods in lower case, or `*`.
                 */
                methods: string[];
                /**
                 * Paths.
                 */
                resources: string[];
              }[]
            | null;
          /**
           * The rule set that they refer to. Absent: no set.
           */
          ruleSet?: string;
          /**
           * Their longest lifetime, in seconds.
           */
          maxTtlSeconds: number;
          /**
           * true: GET and HEAD need no Origin.
           */
          originOptional: boolean;
          /**
           * true: their connections end when they expire.
           */
          endConnectionsAtExpiry: boolean;
        };
      } | null;
      /**
       * The beginning of the token, to recognise it by.
       */
      hint: string;
      /**
       * When the key was made.
       */
      createdAt: string;
      /**
       * When the key expires; null: never.
       */
      expiresAt: string | null;
      /**
       * false: the key does not work until it is enabled again.
       */
      enabled: boolean;
      /**
       * On keys with client tokens: those that were issued earlier are void.
       */
      clientTokensValidFrom?: string | null;
      /**
       * true: the operator has suspended the key, so that it does not work.
       */
      suspended?: boolean;
      /**
       * Texts about the key for the upstream. Absent without any.
       */
      meta?: {
        [k: string]: string;
      };
      /**
       * Tags for the upstream. Absent without any.
       */
      tags?: string[];
      /**
       * The limit of the setting LIMITERS. Absent: KEY_LIMITER limits the key.
       */
      limit?: string;
      /**
       * The limit counts by this. Absent without a limit.
       */
      limitBy?: 'key' | 'owner' | 'address' | 'client';
      /**
       * How much the key may be used. Absent: without end.
       */
      quota?: {
        /**
         * Requests in a period.
         */
        requests: number;
        /**
         * A day or a month of UTC.
         */
        period: 'day' | 'month';
      };
      /**
       * The rest of the quota. Absent in lists, and on keys without a quota.
       */
      quotaUse?: {
        /**
         * The use in this period, a few seconds late.
         */
        used: number;
        /**
         * The rest of it, at least 0.
         */
        left: number;
        /**
         * When the next period begins.
         */
        renewsAt: string;
      };
    } | null;
    /**
     * The key after the change; null: it was revoked.
     */
    after: {
      /**
       * Never used again for another key.
       */
      id: string;
      /**
       * The name that its owner gave the key.
       */
      name: string;
      /**
       * The account that the key acts for; null: none.
       */
      owner: string | null;
      /**
       * The rights of the key; null: a backend key with nothing of its own.
       */
      access: {
        /**
         * Present on keys for pages.
         */
        cors?: {
          /**
           * The allowed origins in their canonical form.
           */
          allowedOrigins: string[];
          /**
           * true: pages may call everything; false: the restricted routes alone.
           */
          fullAccess: boolean;
        };
        /**
         * The key's own list of routes.
         */
        rules?: {
          /**
           * Methods in lower case, or `*`.
           */
          methods: string[];
          /**
           * Paths.
           */
          resources: string[];
        }[];
        /**
         * The rule set that the key refers to. Absent: no set.
         */
        ruleSet?: string;
        /**
         * Blocks of the addresses that the key may be used from, in canonical form. Absent: any address.
         */
        addresses?: string[];
        /**
         * Present on backend keys that give client tokens.
         */
        clientTokens?: {
          /**
           * Origins of the pages that hold client tokens.
           */
          allowedOrigins: string[];
          /**
           * The routes that they may call; null: the restricted routes of the deployment.
           */
          rules:
            | {
                /**
                 * Methods in lower case, or `*`.
                 */
                methods: string[];
                /**
                 * Paths.
                 */
                resources: string[];
              }[]
            | null;
          /**
           * The rule set that they refer to. Absent: no set.
           */
          ruleSet?: string;
          /**
           * Their longest lifetime, in seconds.
           */
          maxTtlSeconds: number;
          /**
           * true: GET and HEAD need no Origin.
           */
          originOptional: boolean;
          /**
           * true: their connections end when they expire.
           */
          endConnectionsAtExpiry: boolean;
        };
      } | null;
      /**
       * The beginning of the token, to recognise it by.
       */
      hint: string;
      /**
       * When the key was made.
       */
      createdAt: string;
      /**
       * When the key expires; null: never.
       */
      expiresAt: string | null;
      /**
       * false: the key does not work until it is enabled again.
       */
      enabled: boolean;
      /**
       * On keys with client tokens: those that were issued earlier are void.
       */
      clientTokensValidFrom?: string | null;
      /**
       * true: the operator has suspended the key, so that it does not work.
       */
      suspended?: boolean;
      /**
       * Texts about the key for the upstream. Absent without any.
       */
      meta?: {
        [k: string]: string;
      };
      /**
       * Tags for the upstream. Absent without any.
       */
      tags?: string[];
      /**
       * The limit of the setting LIMITERS. Absent: KEY_LIMITER limits the key.
       */
      limit?: string;
      /**
       * The limit counts by this. Absent without a limit.
       */
      limitBy?: 'key' | 'owner' | 'address' | 'client';
      /**
       * How much the key may be used. Absent: without end.
       */
      quota?: {
        /**
         * Requests in a period.
         */
        requests: number;
        /**
         * A day or a month of UTC.
         */
        period: 'day' | 'month';
      };
      /**
       * The rest of the quota. Absent in lists, and on keys without a quota.
       */
      quotaUse?: {
        /**
         * The use in this period, a few seconds late.
         */
        used: number;
        /**
         * The rest of it, at least 0.
         */
        left: number;
        /**
         * When the next period begins.
         */
        renewsAt: string;
      };
    } | null;
    /**
     * Finds the request in the logs.
     */
    requestId: string;
    /**
     * The place where a token of the key was found in public; null: not found, or unknown.
     */
    leakUrl: string | null;
  }[];
  /**
   * null: there are no more.
   */
  nextCursor: string | null;
}
/**
 * The body of `explainRequest`.
 */
export interface ExplainRequestRequest {
  /**
   * The method of the request, in capitals.
   */
  method: string;
  /**
   * The path as it arrives, with its query.
   */
  path: string;
  /**
   * The Origin that the browser sends. Absent, null or empty: a backend, which sends no Origin.
   */
  origin?: string | null;
  /**
   * The address of the client. Absent or null: the one that this request is from.
   */
  address?: string | null;
  /**
   * Names of the headers that the client sends.
   *
   * @maxItems 100
   */
  headers?: string[];
  /**
   * The key that is used. Either this or "token".
   */
  keyId?: string;
  /**
   * The token that is used, or a client token. It is neither stored, logged nor quoted.
   */
  token?: string;
}
/**
 * The answer of `explainRequest`.
 */
export interface ExplainRequestAnswer {
  /**
   * The key; null: no key that you may see has this token.
   */
  keyId: string | null;
  /**
   * true: the request is forwarded.
   */
  allowed: boolean;
  /**
   * The address of the client as the edge compares it; null: the edge cannot read it.
   */
  address: string | null;
  /**
   * The rule that refuses it; null when it is forwarded.
   */
  decidedBy:
    | (
        | 'target'
        | 'origin'
        | 'preflight'
        | 'public_route'
        | 'key'
        | 'allowed_origins'
        | 'address'
        | 'route'
        | 'quota'
      )
    | null;
  /**
   * The status of the refusal; null when it is forwarded and the API decides.
   */
  status: number | null;
  /**
   * The code of the refusal.
   */
  code: string | null;
  /**
   * The outcome as a sentence.
   */
  detail: string;
  /**
   * The rules in the order in which they are asked.
   */
  steps: {
    /**
     * The rule.
     */
    step:
      | 'target'
      | 'origin'
      | 'preflight'
      | 'public_route'
      | 'key'
      | 'allowed_origins'
      | 'address'
      | 'route'
      | 'quota';
    /**
     * "skipped": an earlier rule decided, or it is about something else.
     */
    outcome: 'passed' | 'failed' | 'skipped';
    /**
     * The reason as a sentence.
     */
    detail: string;
  }[];
  /**
   * The answer to the browser's preflight; null without an origin.
   */
  preflight: {
    /**
     * The status of the answer.
     */
    status: number;
    /**
     * The code; null: it is granted.
     */
    code: string | null;
    /**
     * The edge's own headers on the answer.
     */
    headers: {
      [k: string]: string;
    };
  } | null;
  /**
   * The names among the headers that the edge does not forward for this key; X-Edge-Dropped-Headers lists them.
   */
  droppedHeaders: string[];
  /**
   * The edge's own headers on the answer to the actual request.
   */
  headers: {
    [k: string]: string;
  };
}
/**
 * The answer of `listEvents`.
 */
export interface ListEventsAnswer {
  /**
   * The events, newest first.
   */
  events: ReplayEventAnswer[];
  /**
   * null: there are no more.
   */
  nextCursor: string | null;
}
/**
 * The answer of `replayEvent`.
 */
export interface ReplayEventAnswer {
  /**
   * The webhook-id of its deliveries.
   */
  id: string;
  /**
   * The key that it is about.
   */
  keyId: string;
  /**
   * Counts the events of the key, from 1.
   */
  number: number;
  /**
   * The kind of event, such as key.created or quota.exceeded. docs/events.md lists them.
   */
  type: string;
  /**
   * When it happened.
   */
  at: string;
  /**
   * waiting, delivered, or failed (given up).
   */
  state: 'waiting' | 'delivered' | 'failed';
  /**
   * The deliveries that were tried.
   */
  attempts: number;
  /**
   * When it is sent next; null: it has ended, or waits for an earlier event.
   */
  nextAttemptAt: string | null;
  /**
   * Why the last delivery failed.
   */
  failure: string | null;
  /**
   * When it was delivered or given up.
   */
  endedAt: string | null;
  /**
   * The data of the payload, without tokens.
   */
  data: {
    [k: string]: unknown;
  };
}
/**
 * The body of `createPortalSession`.
 */
export interface CreatePortalSessionRequest {
  /**
   * The account whose keys the page shows. It need not have any yet.
   */
  owner: string;
  /**
   * The URL that the page leads back to. An entry of PORTAL_RETURN_URLS begins it.
   */
  returnUrl: string;
  /**
   * How long the session lasts after the link was opened, in seconds. Default: 3600.
   */
  expiresInSeconds?: number;
}
/**
 * The answer of `createPortalSession`.
 */
export interface CreatePortalSessionAnswer {
  /**
   * The address for the browser of the customer. Shown this once.
   */
  url: string;
  /**
   * When the URL expires if it is not used.
   */
  urlExpiresAt: string;
  /**
   * The owner.
   */
  owner: string;
  /**
   * The way back, as the page links to it.
   */
  returnUrl: string;
  /**
   * How long the session lasts after the link was opened, in seconds.
   */
  expiresInSeconds: number;
}
/**
 * The body of `mintClientToken`.
 */
export interface MintClientTokenRequest {
  /**
   * Lifetime in seconds. Default: the longest that the key allows.
   */
  ttlSeconds?: number;
  /**
   * The visitor: an opaque id, without personal data.
   */
  sub?: string;
  /**
   * 1 to 5 exact origins that the client tokens of the key may be used from.
   *
   * @minItems 1
   * @maxItems 5
   */
  origins?: string[];
  /**
   * The routes that the token may call, within those that the client tokens of the key may call.
   *
   * @minItems 1
   * @maxItems 100
   */
  rules?: {
    /**
     * Methods in upper or lower case, or "*" for any.
     *
     * @minItems 1
     * @maxItems 100
     */
    methods: string[];
    /**
     * Paths, with ":name" for one id and "*" as the last segment for what follows.
     *
     * @minItems 1
     * @maxItems 100
     */
    resources: string[];
  }[];
  /**
   * Texts for the upstream, in the signed assertion. At most 256 bytes of JSON.
   */
  meta?: {
    [k: string]: string;
  };
}
/**
 * The answer of `mintClientToken`.
 */
export interface MintClientTokenAnswer {
  /**
   * The client token.
   */
  token: string;
  /**
   * When it expires.
   */
  expiresAt: string;
}
/**
 * The answer of `getSelf`.
 */
export interface GetSelfAnswer {
  /**
   * The id of the key, also for a client token of it.
   */
  id: string;
  /**
   * The name that its owner gave the key. Only with the token of a backend key.
   */
  name?: string;
  /**
   * The account of the key. Only with the token of a backend key.
   */
  owner?: string | null;
  /**
   * A key for servers, a key for pages, or a client token.
   */
  kind: 'backend' | 'cors' | 'client';
  /**
   * The value that the upstream receives as X-Edge-Access.
   */
  level: 'backend' | 'restricted' | 'full' | 'rules' | 'client';
  /**
   * The rights of the key; null: a backend key with nothing of its own.
   */
  access: {
    /**
     * Present on keys for pages.
     */
    cors?: {
      /**
       * The allowed origins in their canonical form.
       */
      allowedOrigins: string[];
      /**
       * true: pages may call everything; false: the restricted routes alone.
       */
      fullAccess: boolean;
    };
    /**
     * The key's own list of routes.
     */
    rules?: {
      /**
       * Methods in lower case, or `*`.
       */
      methods: string[];
      /**
       * Paths.
       */
      resources: string[];
    }[];
    /**
     * The rule set that the key refers to. Absent: no set.
     */
    ruleSet?: string;
    /**
     * Blocks of the addresses that the key may be used from, in canonical form. Absent: any address.
     */
    addresses?: string[];
    /**
     * Present on backend keys that give client tokens.
     */
    clientTokens?: {
      /**
       * Origins of the pages that hold client tokens.
       */
      allowedOrigins: string[];
      /**
       * The routes that they may call; null: the restricted routes of the deployment.
       */
      rules:
        | {
            /**
             * Methods in lower case, or `*`.
             */
            methods: string[];
            /**
             * Paths.
             */
            resources: string[];
          }[]
        | null;
      /**
       * The rule set that they refer to. Absent: no set.
       */
      ruleSet?: string;
      /**
       * Their longest lifetime, in seconds.
       */
      maxTtlSeconds: number;
      /**
       * true: GET and HEAD need no Origin.
       */
      originOptional: boolean;
      /**
       * true: their connections end when they expire.
       */
      endConnectionsAtExpiry: boolean;
    };
  } | null;
  /**
   * The routes that may be called; null: all of the API.
   */
  routes:
    | {
        /**
         * Methods in upper case, or `*`.
         */
        methods: string[];
        /**
         * A path, with ids in braces.
         */
        path: string;
      }[]
    | null;
  /**
   * When the token expires, with its key or before it; null: never.
   */
  expiresAt: string | null;
  /**
   * The visitor that a client token names; null: none.
   */
  subject?: string | null;
}

/** A refusal with one of these codes. */
export type ProblemOf<Code extends string> = Problem & { code: Code };

/** Every endpoint below `/_edge/v1`, in the shape that openapi-fetch reads. */
export interface paths {
  '/keys': {
    /** Create a key. */
    post: {
      parameters: {
        query?: never;
        header?: {
          /** A random text, such as a UUID. The same request with the same key within 24 hours is not carried out again and gets the same answer, its token included: that is kept encrypted, under a key that is derived from this text and the admin token, and can no longer be shown when the admin token was changed (409). Only success is kept. */
          'Idempotency-Key'?: string;
        };
        path?: never;
      };
      requestBody: { content: { 'application/json': CreateKeyRequest } };
      responses: {
        201: { content: { 'application/json': KeyWithToken } };
        400: { content: { 'application/json': ProblemOf<'malformed_json' | 'malformed_header'> } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        409: {
          content: { 'application/json': ProblemOf<'token_not_replayable' | 'quota_of_owner'> };
        };
        413: { content: { 'application/json': ProblemOf<'body_too_large'> } };
        415: { content: { 'application/json': ProblemOf<'unsupported_media_type'> } };
        422: {
          content: { 'application/json': ProblemOf<'invalid_fields' | 'idempotency_key_reused'> };
        };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
    /** List keys. */
    get: {
      parameters: {
        query?: {
          /** Only the keys of this owner. */
          owner?: string;
          /** Only keys in this state; absent: all but revoked ones. A key that is both disabled and expired is in both states. "live": it works. */
          state?: 'live' | 'disabled' | 'suspended' | 'expired' | 'revoked';
          /** Only backend keys, or only CORS keys. */
          kind?: 'backend' | 'cors';
          /** Only keys with this access, as the upstream receives it in X-Edge-Access. */
          access?: 'backend' | 'restricted' | 'full' | 'rules';
          /** Only keys that list this allowed origin, for themselves or for their client tokens. A wildcard is found as it is listed, and by no origin that it admits. */
          origin?: string;
          /** Only keys that were last used before this time. Keys that were never used count from their creation. */
          usedBefore?: string;
          /** Only keys that expire, or have expired, before this time. */
          expiresBefore?: string;
          /** Only keys with this tag. */
          tag?: string;
          /** Only keys with this text anywhere in the name, or at the beginning of the id, the hint, the owner, an allowed origin or its host, in upper or lower case. */
          search?: string;
          /** The order: newest first (the default), by name whatever the case of its ASCII letters, or most recently used first. */
          sort?: 'created' | 'name' | 'lastUsed';
          /** true: the answer also says how many keys the filters leave. */
          total?: 'true' | 'false';
          /** nextCursor of the page before. */
          cursor?: string;
          /** How many entries a page may hold. */
          limit?: number;
        };
        header?: never;
        path?: never;
      };
      responses: {
        200: { content: { 'application/json': ListKeysAnswer } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/keys/{id}': {
    /** Read a key. */
    get: {
      parameters: {
        query?: never;
        header?: {
          /** An ETag that is known, or `*`. A GET is answered 304 if it is the present one; a change is refused then. */
          'If-None-Match'?: string;
        };
        path: {
          /** The id of a key. */
          id: string;
        };
      };
      responses: {
        200: { content: { 'application/json': Key } };
        304: { content?: never };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
    /** Edit a key. */
    patch: {
      parameters: {
        query?: never;
        header?: {
          /** The ETag of the key as you read it. The change is rejected if the key has another one now. */
          'If-Match'?: string;
          /** An ETag that is known, or `*`. A GET is answered 304 if it is the present one; a change is refused then. */
          'If-None-Match'?: string;
        };
        path: {
          /** The id of a key. */
          id: string;
        };
      };
      requestBody: { content: { 'application/json': EditKeyRequest } };
      responses: {
        200: { content: { 'application/json': Key } };
        400: { content: { 'application/json': ProblemOf<'malformed_json'> } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        409: { content: { 'application/json': ProblemOf<'conflict' | 'quota_of_owner'> } };
        412: { content: { 'application/json': ProblemOf<'precondition_failed'> } };
        413: { content: { 'application/json': ProblemOf<'body_too_large'> } };
        415: { content: { 'application/json': ProblemOf<'unsupported_media_type'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
    /** Revoke a key for good. */
    delete: {
      parameters: {
        query?: never;
        header?: {
          /** The ETag of the key as you read it. The change is rejected if the key has another one now. */
          'If-Match'?: string;
          /** An ETag that is known, or `*`. A GET is answered 304 if it is the present one; a change is refused then. */
          'If-None-Match'?: string;
        };
        path: {
          /** The id of a key. */
          id: string;
        };
      };
      responses: {
        204: { content?: never };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        409: { content: { 'application/json': ProblemOf<'conflict'> } };
        412: { content: { 'application/json': ProblemOf<'precondition_failed'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/keys/{id}/roll': {
    /** Give a key a new token. */
    post: {
      parameters: {
        query?: never;
        header?: {
          /** A random text, such as a UUID. The same request with the same key within 24 hours is not carried out again and gets the same answer, its token included: that is kept encrypted, under a key that is derived from this text and the admin token, and can no longer be shown when the admin token was changed (409). Only success is kept. */
          'Idempotency-Key'?: string;
          /** The ETag of the key as you read it. The change is rejected if the key has another one now. */
          'If-Match'?: string;
          /** An ETag that is known, or `*`. A GET is answered 304 if it is the present one; a change is refused then. */
          'If-None-Match'?: string;
        };
        path: {
          /** The id of a key. */
          id: string;
        };
      };
      requestBody: { content: { 'application/json': RollKeyRequest } };
      responses: {
        200: { content: { 'application/json': KeyWithToken } };
        400: { content: { 'application/json': ProblemOf<'malformed_json' | 'malformed_header'> } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        409: {
          content: {
            'application/json': ProblemOf<'token_not_replayable' | 'conflict' | 'too_many_tokens'>;
          };
        };
        412: { content: { 'application/json': ProblemOf<'precondition_failed'> } };
        413: { content: { 'application/json': ProblemOf<'body_too_large'> } };
        415: { content: { 'application/json': ProblemOf<'unsupported_media_type'> } };
        422: {
          content: { 'application/json': ProblemOf<'invalid_fields' | 'idempotency_key_reused'> };
        };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/keys/import': {
    /** Import keys with the tokens that they have. */
    post: {
      parameters: {
        query?: never;
        header?: {
          /** A random text, such as a UUID. The same request with the same key within 24 hours is not carried out again and gets the same answer, its token included: that is kept encrypted, under a key that is derived from this text and the admin token, and can no longer be shown when the admin token was changed (409). Only success is kept. */
          'Idempotency-Key'?: string;
        };
        path?: never;
      };
      requestBody: { content: { 'application/json': ImportKeysRequest } };
      responses: {
        201: { content: { 'application/json': ImportKeysAnswer } };
        400: { content: { 'application/json': ProblemOf<'malformed_json' | 'malformed_header'> } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request' | 'operator_only'
            >;
          };
        };
        409: { content: { 'application/json': ProblemOf<'duplicate_tokens' | 'quota_of_owner'> } };
        413: { content: { 'application/json': ProblemOf<'body_too_large'> } };
        415: { content: { 'application/json': ProblemOf<'unsupported_media_type'> } };
        422: {
          content: { 'application/json': ProblemOf<'invalid_fields' | 'idempotency_key_reused'> };
        };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/keys/bulk': {
    /** Change many keys. */
    post: {
      parameters: { query?: never; header?: never; path?: never };
      requestBody: { content: { 'application/json': ChangeKeysRequest } };
      responses: {
        200: { content: { 'application/json': ChangeKeysAnswer } };
        400: { content: { 'application/json': ProblemOf<'malformed_json'> } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        409: { content: { 'application/json': ProblemOf<'conflict' | 'quota_of_owner'> } };
        413: { content: { 'application/json': ProblemOf<'body_too_large'> } };
        415: { content: { 'application/json': ProblemOf<'unsupported_media_type'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/keys/{id}/usage': {
    /** Read how often a key was used. */
    get: {
      parameters: {
        query?: {
          /** How many days, in UTC, up to and including today. */
          days?: number;
        };
        header?: never;
        path: {
          /** The id of a key. */
          id: string;
        };
      };
      responses: {
        200: { content: { 'application/json': GetUsageAnswer } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/keys/{id}/refused-origins': {
    /** List the origins that a key rejected recently. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** The id of a key. */
          id: string;
        };
      };
      responses: {
        200: { content: { 'application/json': ListRefusedOriginsAnswer } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/usage': {
    /** Read the usage of the deployment, of an owner or of a key. */
    get: {
      parameters: {
        query?: {
          /** The hours or days up to and including the present one, in UTC. Without it: "7d". */
          period?: '24h' | '7d' | '30d' | '90d';
          /** Only the keys of this owner. People see their own without it. */
          owner?: string;
          /** Only this key. */
          keyId?: string;
        };
        header?: never;
        path?: never;
      };
      responses: {
        200: { content: { 'application/json': GetUsageOverviewAnswer } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/audit': {
    /** List who changed what, newest first. */
    get: {
      parameters: {
        query?: {
          /** Only the changes of this key. */
          keyId?: string;
          /** Only changes of the keys of this owner. */
          owner?: string;
          /** Only changes by this actor, as entries name it. */
          actor?: string;
          /** Only this kind of change. */
          action?: 'create' | 'import' | 'edit' | 'roll' | 'revoke' | 'leak';
          /** Only changes from this time on. */
          since?: string;
          /** Only changes before this time. */
          until?: string;
          /** nextCursor of the page before. */
          cursor?: string;
          /** How many entries a page may hold. */
          limit?: number;
        };
        header?: never;
        path?: never;
      };
      responses: {
        200: { content: { 'application/json': ListAuditAnswer } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/explain': {
    /** Explain what the edge does with a request. */
    post: {
      parameters: { query?: never; header?: never; path?: never };
      requestBody: { content: { 'application/json': ExplainRequestRequest } };
      responses: {
        200: { content: { 'application/json': ExplainRequestAnswer } };
        400: { content: { 'application/json': ProblemOf<'malformed_json'> } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request'
            >;
          };
        };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        413: { content: { 'application/json': ProblemOf<'body_too_large'> } };
        415: { content: { 'application/json': ProblemOf<'unsupported_media_type'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/events': {
    /** List events, newest first. */
    get: {
      parameters: {
        query?: {
          /** Only events in this state: waiting, delivered, or failed (given up). */
          state?: string;
          /** Only the events of this key. */
          keyId?: string;
          /** nextCursor of the page before. */
          cursor?: string;
          /** How many entries a page may hold. */
          limit?: number;
        };
        header?: never;
        path?: never;
      };
      responses: {
        200: { content: { 'application/json': ListEventsAnswer } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request' | 'operator_only'
            >;
          };
        };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/events/{id}/replay': {
    /** Send an event again. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** The id of an event. */
          id: string;
        };
      };
      responses: {
        200: { content: { 'application/json': ReplayEventAnswer } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request' | 'operator_only'
            >;
          };
        };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/portal-sessions': {
    /** Make a link that opens the page for one owner. */
    post: {
      parameters: { query?: never; header?: never; path?: never };
      requestBody: { content: { 'application/json': CreatePortalSessionRequest } };
      responses: {
        201: { content: { 'application/json': CreatePortalSessionAnswer } };
        400: { content: { 'application/json': ProblemOf<'malformed_json'> } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_credentials'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'account_unknown' | 'insufficient_scope' | 'cross_site_request' | 'operator_only'
            >;
          };
        };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        413: { content: { 'application/json': ProblemOf<'body_too_large'> } };
        415: { content: { 'application/json': ProblemOf<'unsupported_media_type'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
  };
  '/leaks/github': {
    /** Take a report of GitHub's secret scanning. */
    post: {
      parameters: {
        query?: never;
        header: {
          /** Which of the keys that GitHub publishes the body is signed with. */
          'Github-Public-Key-Identifier': string;
        };
        path?: never;
      };
      requestBody: { content: { 'application/json': ReportLeaksRequest } };
      responses: {
        200: { content: { 'application/json': ReportLeaksAnswer } };
        400: { content: { 'application/json': ProblemOf<'malformed_json'> } };
        403: { content: { 'application/json': ProblemOf<'invalid_signature'> } };
        404: { content: { 'application/json': ProblemOf<'not_found'> } };
        413: { content: { 'application/json': ProblemOf<'body_too_large'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'leaks_left'> } };
      };
    };
  };
  '/client-tokens': {
    /** Mint a client token. */
    post: {
      parameters: { query?: never; header?: never; path?: never };
      requestBody: { content: { 'application/json': MintClientTokenRequest } };
      responses: {
        201: { content: { 'application/json': MintClientTokenAnswer } };
        400: { content: { 'application/json': ProblemOf<'malformed_json'> } };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_key'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'cors_not_enabled' | 'address_not_allowed' | 'client_tokens_not_enabled'
            >;
          };
        };
        413: { content: { 'application/json': ProblemOf<'body_too_large'> } };
        415: { content: { 'application/json': ProblemOf<'unsupported_media_type'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
      };
    };
  };
  '/self': {
    /** Read what a key may do. */
    get: {
      parameters: { query?: never; header?: never; path?: never };
      responses: {
        200: { content: { 'application/json': GetSelfAnswer } };
        401: {
          content: {
            'application/json': ProblemOf<
              | 'missing_credentials'
              | 'malformed_credentials'
              | 'invalid_key'
              | 'client_token_expired'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              | 'invalid_origin'
              | 'cors_not_enabled'
              | 'origin_not_allowed'
              | 'origin_required'
              | 'address_not_allowed'
            >;
          };
        };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'unavailable'> } };
      };
    };
    /** Revoke the key that the request carries, for good. */
    delete: {
      parameters: { query?: never; header?: never; path?: never };
      responses: {
        204: { content?: never };
        401: {
          content: {
            'application/json': ProblemOf<
              'missing_credentials' | 'malformed_credentials' | 'invalid_key'
            >;
          };
        };
        403: {
          content: {
            'application/json': ProblemOf<
              'cors_not_enabled' | 'address_not_allowed' | 'backend_key_required'
            >;
          };
        };
        409: { content: { 'application/json': ProblemOf<'conflict'> } };
        422: { content: { 'application/json': ProblemOf<'invalid_fields'> } };
        429: { content: { 'application/json': ProblemOf<'rate_limited'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
      };
    };
  };
  '/openapi.json': {
    /** Read this description. */
    get: {
      parameters: { query?: never; header?: never; path?: never };
      responses: {
        200: { content: { 'application/json': Record<string, unknown> } };
        405: { content: { 'application/json': ProblemOf<'method_not_allowed'> } };
        414: { content: { 'application/json': ProblemOf<'target_too_long'> } };
        500: { content: { 'application/json': ProblemOf<'internal_error'> } };
        503: { content: { 'application/json': ProblemOf<'not_configured' | 'schema_missing'> } };
      };
    };
  };
}
