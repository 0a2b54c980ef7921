/**
 * The Worker's entry: the edge, with everything from the bindings and settings.
 */

import { createAuthorizer } from './authorizer.ts';
import type { Env } from './env.ts';

export default createAuthorizer() satisfies ExportedHandler<Env>;
