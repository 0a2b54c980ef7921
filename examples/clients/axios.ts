/** `axios` through an edge. */

import axios, { type AxiosInstance } from 'axios';
import { type Refusal, readRefusal } from './refusal.ts';

/** axios never tries again by itself. */
export function axiosAt(edge: string, key: string): AxiosInstance {
  return axios.create({ baseURL: edge, headers: { Authorization: `Bearer ${key}` } });
}

/** What was answered; `null` when the page could not read it, or when something else went wrong. */
export function refusalOf(error: unknown): Refusal | null {
  if (!axios.isAxiosError(error) || error.response === undefined) return null;
  const { status, headers, data } = error.response;
  return readRefusal(status, (name) => headers[name.toLowerCase()], data);
}
