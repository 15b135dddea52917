import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';
import { readFilter } from '@/features/people/api/people';

export const peopleRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/people',
  component: lazyRouteComponent(() => import('@/app/routes/people/people-page'), 'PeoplePage'),
  validateSearch: readFilter,
});
