import { createRouter, type RouterHistory } from '@tanstack/react-router';

import { agentRoute } from '@/app/routes/agent';
import { agentsRoute } from '@/app/routes/agents';
import { batchRoute } from '@/app/routes/batch';
import { batchesRoute } from '@/app/routes/batches';
import { conversationRoute } from '@/app/routes/conversation';
import { executionRoute } from '@/app/routes/execution';
import { executionsRoute } from '@/app/routes/executions';
import { guestRoute } from '@/app/routes/guest';
import { loginRoute } from '@/app/routes/login';
import { memberRoute } from '@/app/routes/member';
import { registerRoute } from '@/app/routes/register';
import { rootRoute } from '@/app/routes/root';
import { insightRoutes } from '@/app/routes/insight/routes';
import { workflowRoutes } from '@/app/routes/workflows/routes';

const routeTree = rootRoute.addChildren([
  guestRoute.addChildren([loginRoute, registerRoute]),
  memberRoute.addChildren([
    agentsRoute,
    agentRoute,
    conversationRoute,
    executionsRoute,
    executionRoute,
    batchesRoute,
    batchRoute,
    ...workflowRoutes,
    ...insightRoutes,
  ]),
]);

/** The routes of the application, over the browser's address bar unless a test brings its own history. */
export function newRouter(history?: RouterHistory) {
  return createRouter({
    routeTree,
    defaultPreload: false,
    scrollRestoration: true,
    ...(history ? { history } : {}),
  });
}

export type AppRouter = ReturnType<typeof newRouter>;

declare module '@tanstack/react-router' {
  interface Register {
    router: AppRouter;
  }
}
