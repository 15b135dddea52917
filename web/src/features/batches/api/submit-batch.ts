import { useMutation, useQueryClient } from '@tanstack/react-query';

import { createBatch } from '@/features/batches/api/create-batch';
import { getBatchOptions } from '@/features/batches/api/get-batch';
import { startBatch } from '@/features/batches/api/start-batch';
import type { InputFile } from '@/features/batches/input-file';

interface Order {
  agentId: string;
  file: InputFile;
}

/** Makes a batch of a file and starts it. */
export function useSubmitBatch() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ agentId, file }: Order) => {
      const batch = await createBatch({ agent_id: agentId, format: file.format, content: file.text });
      return startBatch(batch.id);
    },
    meta: { spends: true },
    onSuccess: (batch) => {
      queries.setQueryData(getBatchOptions(batch.id).queryKey, batch);
      void queries.invalidateQueries({ queryKey: ['batches'] });
    },
  });
}
