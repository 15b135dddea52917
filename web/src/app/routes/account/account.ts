import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';

export const accountRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/account',
  component: lazyRouteComponent(() => import('@/app/routes/account/account-page'), 'AccountPage'),
});
