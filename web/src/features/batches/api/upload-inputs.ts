import { ApiProblem, unreachable } from '@/lib/api/problem';
import type { components } from '@/lib/api/schema';

type Upload = components['schemas']['Upload'];

/**
 * Sends a file to an address that is signed for it alone, telling how much has arrived (0 to 1). `fetch` cannot tell.
 *
 * @throws {ApiProblem} the store did not take it.
 */
export function uploadInputs(upload: Upload, file: Blob, onProgress: (share: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onerror = () => reject(unreachable(new Error('The upload broke off.')));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(notTaken(request.status));
    };
    request.open(upload.method, upload.url);
    request.setRequestHeader('content-type', upload.content_type);
    request.send(file);
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
