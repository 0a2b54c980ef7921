/** The API's content apart from the page, on raw sockets with the production bundle. */

import { describeIsolation } from '../contract/isolation.ts';
import { deploy } from './deployment.ts';

describeIsolation(deploy);
