/** `axios` through an edge. */

import axios, { type AxiosInstance } from 'axios';
import { type Refusal, readRefusal } from './refusal.ts';

/** axios never tries again by itself. */
export function axiosAt(edge: string, key: string): AxiosInstance {
  return axios.create({ baseURL: edge, headers: { Authorization: `Bearer ${key}` } });
}

/** The rejection in the response; `null` if the page could not read it, or after another failure. */
export function refusalOf(error: unknown): Refusal | null {
  if (!axios.isAxiosError(error) || error.response === undefined) return null;
  const { status, headers, data } = error.response;
  return readRefusal(status, (name) => headers[name.toLowerCase()], data);
}
