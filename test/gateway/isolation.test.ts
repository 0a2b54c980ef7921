/** The API's content apart from the page, in the Workers test pool. */

import { describeIsolation } from '../contract/isolation.ts';
import { deploy } from '../support/workers.ts';

describeIsolation(deploy);
