import { createRoute, redirect } from '@tanstack/react-router';

import { rootRoute } from '@/app/routes/root';
import { AppShell } from '@/app/shell/app-shell';
import { restore } from '@/lib/session/session';

/** Pages for people who are signed in; others sign in first and come back. */
export const memberRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'member',
  component: AppShell,
  beforeLoad: async ({ location }) => {
    if (await restore()) return;
    throw redirect({ to: '/login', search: location.href === '/' ? {} : { redirect: location.href }, replace: true });
  },
});
