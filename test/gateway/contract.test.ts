/** The gateway's contract in the Workers test pool, with real D1 and KV and a double of the upstream. */

import { describeHeaders } from '../conformance/headers.ts';
import { describeAnyOrigin, describePreflights } from '../conformance/preflights.ts';
import { describeRefusals } from '../conformance/refusals.ts';
import { deploy } from '../support/workers.ts';

describeRefusals(deploy);
describePreflights(deploy);
describeAnyOrigin(deploy);
describeHeaders(deploy, 'https');
