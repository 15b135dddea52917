import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';

export const keysRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/keys',
  component: lazyRouteComponent(() => import('@/app/routes/keys/keys-page'), 'KeysPage'),
});
