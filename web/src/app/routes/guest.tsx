import { useQueryClient } from '@tanstack/react-query';
import { createRoute, Outlet, redirect } from '@tanstack/react-router';
import { useEffect } from 'react';

import { rootRoute } from '@/app/routes/root';
import { restore } from '@/lib/session/session';

/** Where to go after signing in: a path of this application, never another site. */
interface GuestSearch {
  redirect?: string | undefined;
}

/**
 * Whatever was loaded for an earlier session is forgotten here, however it ended. Not before: a page of the member that is
 * still on the screen would load it again, and be refused.
 */
function GuestPages() {
  const queries = useQueryClient();
  useEffect(() => queries.clear(), [queries]);
  return <Outlet />;
}

/** Pages for people who are not signed in; others are sent on. */
export const guestRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'guest',
  component: GuestPages,
  validateSearch: (search: Record<string, unknown>): GuestSearch => {
    const target = search['redirect'];
    // Named even when refused: the router would keep what the address says otherwise.
    return { redirect: typeof target === 'string' && /^\/(?![/\\])/.test(target) ? target : undefined };
  },
  beforeLoad: async ({ search }) => {
    if (await restore()) throw redirect({ href: search.redirect ?? '/', replace: true });
  },
});
