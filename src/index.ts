/**
 * The Worker's entry: the edge, with everything from the bindings and settings.
 */

import type { Env } from './config/env.ts';
import { createAuthorizer } from './worker.ts';

export default createAuthorizer() satisfies ExportedHandler<Env>;
