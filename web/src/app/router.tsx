import { createRouter, type RouterHistory } from '@tanstack/react-router';

import { agentRoute } from '@/app/routes/agent';
import { agentsRoute } from '@/app/routes/agents';
import { batchRoute } from '@/app/routes/batch';
import { batchesRoute } from '@/app/routes/batches';
import { conversationRoute } from '@/app/routes/conversation';
import { executionRoute } from '@/app/routes/execution';
import { executionsRoute } from '@/app/routes/executions';
import { accountRoute } from '@/app/routes/account/account';
import { forgotPasswordRoute } from '@/app/routes/account/forgot-password';
import { resetPasswordRoute } from '@/app/routes/account/reset-password';
import { verifyEmailRoute } from '@/app/routes/account/verify-email';
import { guestRoute } from '@/app/routes/guest';
import { keysRoute } from '@/app/routes/keys/route';
import { loginRoute } from '@/app/routes/login';
import { memberRoute } from '@/app/routes/member';
import { acceptInvitationRoute } from '@/app/routes/people/accept-invitation';
import { peopleRoute } from '@/app/routes/people/route';
import { policiesRoute } from '@/app/routes/policies/route';
import { registerRoute } from '@/app/routes/register';
import { rootRoute } from '@/app/routes/root';
import { insightRoutes } from '@/app/routes/insight/routes';
import { workflowRoutes } from '@/app/routes/workflows/routes';

const routeTree = rootRoute.addChildren([
  guestRoute.addChildren([loginRoute, registerRoute, forgotPasswordRoute]),
  resetPasswordRoute,
  verifyEmailRoute,
  acceptInvitationRoute,
  memberRoute.addChildren([
    agentsRoute,
    agentRoute,
    conversationRoute,
    executionsRoute,
    executionRoute,
    batchesRoute,
    batchRoute,
    keysRoute,
    policiesRoute,
    peopleRoute,
    accountRoute,
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
