import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

/** Prepares a batch: with its inputs, or with an address to upload them to. Nothing is run yet. */
export function createBatch(order: components['schemas']['NewBatch']) {
  return answerOf(api.POST('/api/v1/batches', { body: order }));
}
