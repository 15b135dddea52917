import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';
import { readFilter as readAnalyticsFilter } from '@/features/analytics/filter';
import { readFilter as readAuditFilter } from '@/features/audit/api/audit';
import { readFilter as readLetterFilter } from '@/features/dead-letters/in-words';

/** Pages about what happened: analytics, webhooks, and what operators look at. Loaded when the first is opened. */

const webhooksRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/webhooks',
  component: lazyRouteComponent(() => import('@/app/routes/insight/webhooks-page'), 'WebhooksPage'),
  validateSearch: ({ of }: Record<string, unknown>): { of?: 'everybody' | undefined } => ({
    of: of === 'everybody' ? 'everybody' : undefined,
  }),
});

const webhookRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/webhooks/$id',
  component: lazyRouteComponent(() => import('@/app/routes/insight/webhook-page'), 'WebhookPage'),
});

const analyticsRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/analytics',
  component: lazyRouteComponent(() => import('@/app/routes/insight/analytics-page'), 'AnalyticsPage'),
  validateSearch: readAnalyticsFilter,
});

const deadLettersRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/dead-letters',
  component: lazyRouteComponent(() => import('@/app/routes/insight/dead-letters-page'), 'DeadLettersPage'),
  validateSearch: readLetterFilter,
});

const deadLetterRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/dead-letters/$id',
  component: lazyRouteComponent(() => import('@/app/routes/insight/dead-letter-page'), 'DeadLetterPage'),
});

const auditRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/audit',
  component: lazyRouteComponent(() => import('@/app/routes/insight/audit-page'), 'AuditPage'),
  validateSearch: readAuditFilter,
});

export const insightRoutes = [
  analyticsRoute,
  webhooksRoute,
  webhookRoute,
  deadLettersRoute,
  deadLetterRoute,
  auditRoute,
] as const;
