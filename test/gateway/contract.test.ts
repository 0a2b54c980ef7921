/** The gateway's contract in the Workers test pool, with real D1 and KV and a double of the upstream. */

import { describeRefusals } from '../conformance/refusals.ts';
import { deploy } from '../support/workers.ts';

describeRefusals(deploy);
