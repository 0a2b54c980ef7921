/** The gateway's contract as raw bytes: the production bundle on bare workerd, a real upstream. */

import { describeHeaders } from '../conformance/headers.ts';
import { describeAnyOrigin, describePreflights } from '../conformance/preflights.ts';
import { describeRefusals } from '../conformance/refusals.ts';
import { deploy } from './deployment.ts';

describeRefusals(deploy);
describePreflights(deploy);
describeAnyOrigin(deploy);
describeHeaders(deploy, 'http');
