/**
 * The gateway's contract in the Workers test pool: every table that `npm test` runs on the wire, once more
 * with a double of the upstream, and with targets that a URL parser has read.
 */

import type { Prepare } from '../contract/deployment.ts';
import { describeFailures } from '../contract/failures.ts';
import { describeHeaders } from '../contract/headers.ts';
import { describeIsolation } from '../contract/isolation.ts';
import { describePaths } from '../contract/paths.ts';
import { describePlans } from '../contract/plans.ts';
import { describeAnyOrigin, describePreflights } from '../contract/preflights.ts';
import { describeRefusals } from '../contract/refusals.ts';
import { deploy } from '../support/workers.ts';

const prepare: Prepare = (options) => () => deploy(options);

describeRefusals(prepare);
describePreflights(prepare);
describeAnyOrigin(prepare);
describePlans(prepare);
describeHeaders(prepare, 'https');
describeIsolation(prepare);
describePaths(prepare, { runs: 6_000 });
describeFailures(prepare);
