/** The Worker: the edge in front, the app behind it. */

import { createAuthorizer } from 'edge-authorizer';
import { app } from './app.ts';

export default createAuthorizer({ upstream: app.fetch });
