/** The gateway's contract as raw bytes: the production bundle on bare workerd, a real upstream. */

import { describeHeaders } from '../contract/headers.ts';
import { describePlans } from '../contract/plans.ts';
import { describeAnyOrigin, describePreflights } from '../contract/preflights.ts';
import { describeRefusals } from '../contract/refusals.ts';
import { inOneProcess } from './deployment.ts';

const prepare = inOneProcess();

describeRefusals(prepare);
describePreflights(prepare);
describeAnyOrigin(prepare);
describePlans(prepare);
describeHeaders(prepare, 'http');
