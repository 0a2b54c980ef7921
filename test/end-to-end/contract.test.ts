/** The gateway's contract as raw bytes: the production bundle on bare workerd, a real upstream. */

import { describeHeaders } from '../contract/headers.ts';
import { describePlans } from '../contract/plans.ts';
import { describeAnyOrigin, describePreflights } from '../contract/preflights.ts';
import { describeRefusals } from '../contract/refusals.ts';
import { deploy } from './deployment.ts';

describeRefusals(deploy);
describePreflights(deploy);
describeAnyOrigin(deploy);
describePlans(deploy);
describeHeaders(deploy, 'http');
