import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { createBatch } from '@/features/batches/api/create-batch';
import { getBatchOptions } from '@/features/batches/api/get-batch';
import { startBatch } from '@/features/batches/api/start-batch';
import { uploadInputs } from '@/features/batches/api/upload-inputs';
import type { InputFile } from '@/features/batches/input-file';

interface Order {
  agentId: string;
  file: InputFile;
}

/** Makes a batch, brings its inputs there and starts it. `uploaded` is the share of the file that has arrived. */
export function useSubmitBatch() {
  const queries = useQueryClient();
  const [uploaded, setUploaded] = useState<number | null>(null);
  const submit = useMutation({
    mutationFn: async ({ agentId, file }: Order) => {
      const inputs = file.inputs ? { inputs: file.inputs } : {};
      const batch = await createBatch({ agent_id: agentId, format: file.format, ...inputs });
      if (!file.inputs && batch.upload) {
        setUploaded(0);
        await uploadInputs(batch.upload, file.content, setUploaded);
      }
      return startBatch(batch.id);
    },
    meta: { spends: true },
    onSuccess: (batch) => {
      queries.setQueryData(getBatchOptions(batch.id).queryKey, batch);
      void queries.invalidateQueries({ queryKey: ['batches'] });
    },
    onSettled: () => setUploaded(null),
  });
  return { ...submit, uploaded };
}
