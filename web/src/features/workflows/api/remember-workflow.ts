import type { QueryClient } from '@tanstack/react-query';

import { getWorkflowOptions, type Workflow } from '@/features/workflows/api/get-workflow';
import { listVersionsOptions } from '@/features/workflows/api/list-versions';

/** After a change: shows the workflow as the API answered, and looks at the lists that name it again. */
export async function rememberWorkflow(queries: QueryClient, workflow: Workflow): Promise<void> {
  queries.setQueryData(getWorkflowOptions(workflow.id).queryKey, workflow);
  await Promise.all([
    queries.invalidateQueries({ queryKey: listVersionsOptions(workflow.id).queryKey }),
    queries.invalidateQueries({ queryKey: ['workflows'] }),
  ]);
}
