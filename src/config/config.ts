/** The configuration as the Worker uses it: checked, typed, and without absent members. */

import type { AssertionKey } from '../core/assertion-jwks.ts';
import type { KeyKind } from '../core/key/token.ts';
import type { Color } from '../core/portal/colors.ts';
import type { Logo } from '../core/portal/logo.ts';
import type { ReturnUrlPrefix } from '../core/portal/return-url.ts';
import type { RestrictedRoutes } from '../core/routes/rule-sets.ts';
import type { ScanningKey } from '../leaks/github-public-keys.ts';
import type { GroupedSetting, SettingName, Values } from './settings.ts';

/** The checked configuration. */
export type Config = Singles & Groups;

/** The settings that belong to no group, each under its name in camel case. */
export type Singles = {
  readonly [Name in Exclude<SettingName, GroupedSetting> as CamelCase<Name>]: Values[Name];
};

/** The settings that belong together. */
export interface Groups {
  /** `null`: people cannot manage their own keys. */
  readonly people: PeopleConfig | null;
  /** The routes of restricted keys, and the rule sets that keys refer to. */
  readonly restrictedRoutes: RestrictedRoutes;
  /** `null`: there is no portal for customers. */
  readonly portal: PortalConfig | null;
  /** `null`: events are neither written nor sent. */
  readonly events: EventsConfig | null;
  /** `null`: reports of leaked tokens are not accepted. */
  readonly leaks: LeakConfig | null;
  /** `null`: requests are forwarded without an assertion. */
  readonly assertion: AssertionConfig | null;
}

type CamelCase<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${Lowercase<First>}${Capitalize<CamelCase<Rest>>}`
  : Lowercase<Name>;

/** How people who manage their own keys sign in. */
export interface PeopleConfig {
  readonly issuer: string;
  readonly audience: string;
  /** The URL of the issuer's public keys. */
  readonly jwksUrl: string;
  /** The claim that holds the owner whose keys they may manage. */
  readonly ownerClaim: string;
  /** The claim that makes a person an operator; `null`: people never are. */
  readonly operatorClaim: string | null;
}

/** The portal for the provider's customers. */
export interface PortalConfig {
  /** The URLs that it may lead back to; at least one. */
  readonly returnUrls: readonly ReturnUrlPrefix[];
  /** The look; `null`: the page's own. */
  readonly name: string | null;
  readonly logo: Logo | null;
  readonly accentColor: Color | null;
  readonly barColor: Color | null;
}

/** The receiver of events. */
export interface EventsConfig {
  readonly url: string;
  /** One, or two during a rotation, each `whsec_` and base64. */
  readonly secrets: readonly string[];
}

/** How reports of leaked tokens are handled. */
export interface LeakConfig {
  /** The keys that sign reports. */
  readonly keys: readonly ScanningKey[];
  /** The reaction, for each kind of key. */
  readonly actions: Readonly<Record<KeyKind, LeakAction>>;
}

/** `revoke` ends the key; `report` notes the leak and leaves the key to its owner. */
export type LeakAction = 'revoke' | 'report';

/** How assertions are signed. */
export interface AssertionConfig {
  readonly mode: 'request' | 'key';
  readonly keys: readonly AssertionKey[];
  readonly issuer: string;
  readonly audience: string;
}

/** One thing that is wrong with the configuration. */
export interface ConfigProblem {
  readonly name: string;
  /** The value as it was set; `null` when it is absent, or a secret. */
  readonly value: string | null;
  readonly reason: string;
  readonly fix: string;
}

/** The configuration, or everything that is wrong with it. */
export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Returns whether anybody can manage keys. Without a manager, the page and the API answer 404. */
export function hasManagers(config: {
  readonly adminToken: string | null;
  readonly adminTokens: readonly unknown[];
  readonly people: object | null;
}): boolean {
  return config.adminToken !== null || config.adminTokens.length > 0 || config.people !== null;
}
