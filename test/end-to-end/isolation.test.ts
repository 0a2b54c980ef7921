/** The API's content apart from the page, on raw sockets with the production bundle. */

import { describeIsolation } from '../contract/isolation.ts';
import { inOneProcess } from './deployment.ts';

const prepare = inOneProcess();

describeIsolation(prepare);
