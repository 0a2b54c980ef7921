/** `tus-js-client` through an edge, on routes that need no key. */

import { DetailedError, Upload, type UploadOptions } from 'tus-js-client';
import { type Refusal, readRefusal } from './refusal.ts';

/**
 * An upload to the `tusEndpoint` that `POST /api/asset/request-upload` answered, by way of the edge.
 * It continues where an earlier one of the same file stopped, even after the page was left.
 */
export async function uploadThrough(
  edge: string,
  tusEndpoint: string,
  file: File,
  options: Partial<UploadOptions>,
): Promise<Upload> {
  const { pathname, search } = new URL(tusEndpoint);
  const upload = new Upload(file, {
    endpoint: edge + pathname + search,
    metadata: { filename: file.name, filetype: file.type },
    chunkSize: 8 * 1024 * 1024,
    // 429 is no error of the client: it passes by waiting, like 409, 423 and every 5xx.
    onShouldRetry: (error) => {
      const status = error instanceof DetailedError ? error.originalResponse?.getStatus() : 0;
      return !status || status >= 500 || [409, 423, 429].includes(status);
    },
    ...options,
  });
  const [previous] = await upload.findPreviousUploads();
  if (previous) upload.resumeFromPreviousUpload(previous);
  return upload;
}

/** The rejection in the response; `null` if the page could not read it, or after another failure. */
export function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof DetailedError)) return null;
  const response = error.originalResponse;
  if (!response) return null;
  return readRefusal(response.getStatus(), (name) => response.getHeader(name), response.getBody());
}
