import { createRoute, Outlet, redirect } from '@tanstack/react-router';

import { rootRoute } from '@/app/routes/root';
import { restore } from '@/lib/session/session';

/** Where to go after signing in: a path of this application, never another site. */
interface GuestSearch {
  redirect?: string | undefined;
}

/** Pages for people who are not signed in; others are sent on. */
export const guestRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'guest',
  component: Outlet,
  validateSearch: (search: Record<string, unknown>): GuestSearch => {
    const target = search['redirect'];
    // Named even when refused: the router would keep what the address says otherwise.
    return { redirect: typeof target === 'string' && /^\/(?![/\\])/.test(target) ? target : undefined };
  },
  beforeLoad: async ({ search }) => {
    if (await restore()) throw redirect({ href: search.redirect ?? '/', replace: true });
  },
});
