/**
 * The gateway's contract in the Workers test pool: every table that `npm test` runs on the wire, once more
 * with a double of the upstream, and with targets that a URL parser has read.
 */

import { describeFailures } from '../contract/failures.ts';
import { describeHeaders } from '../contract/headers.ts';
import { describeIsolation } from '../contract/isolation.ts';
import { describePaths } from '../contract/paths.ts';
import { describePlans } from '../contract/plans.ts';
import { describeAnyOrigin, describePreflights } from '../contract/preflights.ts';
import { describeRefusals } from '../contract/refusals.ts';
import { deploy } from '../support/workers.ts';

describeRefusals(deploy);
describePreflights(deploy);
describeAnyOrigin(deploy);
describePlans(deploy);
describeHeaders(deploy, 'https');
describeIsolation(deploy);
describePaths(deploy, { runs: 6_000 });
describeFailures(deploy);
