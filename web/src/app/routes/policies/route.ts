import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';
import { readQuestion } from '@/features/policies/api/policies';

export const policiesRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/policies',
  component: lazyRouteComponent(() => import('@/app/routes/policies/policies-page'), 'PoliciesPage'),
  validateSearch: readQuestion,
});
