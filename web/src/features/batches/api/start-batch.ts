import { answerOf, api } from '@/lib/api/client';

/** Runs a batch whose inputs are there. */
export function startBatch(id: string) {
  return answerOf(api.POST('/api/v1/batches/{batch_id}/start', { params: { path: { batch_id: id } } }));
}
