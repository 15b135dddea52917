import type { InputFile } from '@/features/batches/input-file';
import { ApiProblem, unreachable } from '@/lib/api/problem';

/** The address is signed for a file of this kind. */
const CONTENT_TYPES = { jsonl: 'application/jsonl', csv: 'text/csv' } as const;

interface Target {
  url: string;
  method: string;
}

/**
 * Sends a file to an address that is signed for it alone, telling how much has arrived (0 to 1). `fetch` cannot tell.
 *
 * @throws {ApiProblem} the store did not take it.
 */
export function uploadInputs(
  { url, method }: Target,
  file: InputFile,
  onProgress: (share: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onerror = () => reject(unreachable(new Error('The upload broke off.')));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(notTaken(request.status));
    };
    request.open(method, url);
    request.setRequestHeader('content-type', CONTENT_TYPES[file.format]);
    request.send(file.content);
  });
}

function notTaken(status: number): ApiProblem {
  return new ApiProblem({
    status,
    code: 'upload_refused',
    title: 'The file was not taken',
    detail:
      status === 403
        ? 'The address for the upload has expired. Start the batch again.'
        : `The store answered HTTP ${status}. Start the batch again.`,
  });
}
