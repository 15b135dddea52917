import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';

/** The pages of workflows: loaded when the first of them is opened, so that the others stay light. */

interface RunsSearch {
  workflow?: string | undefined;
  status?: (typeof RUN_STATUSES)[number] | undefined;
}

const RUN_STATUSES = ['running', 'succeeded', 'failed', 'stopped'] as const;

/** Characters the API accepts in a search. */
const LONGEST_QUERY = 200;

const workflowsRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/workflows',
  component: lazyRouteComponent(() => import('@/app/routes/workflows/workflows-page'), 'WorkflowsPage'),
  validateSearch: ({ q }: Record<string, unknown>): { q?: string | undefined } => ({
    // The router reads `?q=2291` as a number.
    q: typeof q === 'string' || typeof q === 'number' ? String(q).slice(0, LONGEST_QUERY) || undefined : undefined,
  }),
});

const newWorkflowRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/workflows/new',
  component: lazyRouteComponent(() => import('@/app/routes/workflows/new-workflow-page'), 'NewWorkflowPage'),
  validateSearch: ({ from }: Record<string, unknown>): { from?: string | undefined } => ({
    from: typeof from === 'string' ? from : undefined,
  }),
});

const workflowRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/workflows/$id',
  component: lazyRouteComponent(() => import('@/app/routes/workflows/workflow-page'), 'WorkflowPage'),
});

const editWorkflowRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/workflows/$id/edit',
  component: lazyRouteComponent(() => import('@/app/routes/workflows/edit-workflow-page'), 'EditWorkflowPage'),
  validateSearch: ({ version }: Record<string, unknown>): { version?: number | undefined } => ({
    version: Number.isInteger(version) && Number(version) > 0 ? Number(version) : undefined,
  }),
});

const runsRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/runs',
  component: lazyRouteComponent(() => import('@/app/routes/workflows/runs-page'), 'RunsPage'),
  validateSearch: ({ workflow, status }: Record<string, unknown>): RunsSearch => ({
    workflow: typeof workflow === 'string' ? workflow : undefined,
    status: RUN_STATUSES.find((one) => one === status),
  }),
});

const runRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/runs/$id',
  component: lazyRouteComponent(() => import('@/app/routes/workflows/run-page'), 'RunPage'),
});

const approvalsRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/approvals',
  component: lazyRouteComponent(() => import('@/app/routes/workflows/approvals-page'), 'ApprovalsPage'),
  validateSearch: ({ status }: Record<string, unknown>): { status?: 'decided' | undefined } => ({
    status: status === 'decided' ? 'decided' : undefined,
  }),
});

const approvalRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/approvals/$id',
  component: lazyRouteComponent(() => import('@/app/routes/workflows/approval-page'), 'ApprovalPage'),
});

const toolApprovalRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/tool-approvals/$id',
  component: lazyRouteComponent(() => import('@/app/routes/workflows/tool-approval-page'), 'ToolApprovalPage'),
});

export const workflowRoutes = [
  workflowsRoute,
  newWorkflowRoute,
  workflowRoute,
  editWorkflowRoute,
  runsRoute,
  runRoute,
  approvalsRoute,
  approvalRoute,
  toolApprovalRoute,
] as const;
