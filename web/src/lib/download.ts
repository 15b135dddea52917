import { problemFrom, unreachable } from '@/lib/api/problem';
import { authorizedFetch } from '@/lib/session/authorized-fetch';

export interface File {
  name: string;
  content: Blob;
  headers: Headers;
}

/**
 * A file that the API makes, under the name that it gives.
 *
 * @throws {ApiProblem} what went wrong.
 */
export async function fetchFile(path: string): Promise<File> {
  const response = await authorizedFetch(new Request(new URL(path, window.location.origin))).catch((error: unknown) => {
    throw unreachable(error);
  });
  if (!response.ok) {
    throw problemFrom(response.status, await response.json().catch(() => null), response.headers);
  }
  const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1];
  return { name: name ?? 'download', content: await response.blob(), headers: response.headers };
}

/** Hands a file to the browser, which stores it where downloads go. */
export function saveFile(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser reads it after the click has returned.
  window.setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
