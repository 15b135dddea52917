import { createRootRoute, type ErrorComponentProps, Outlet, useRouter } from '@tanstack/react-router';

import { CentredPage } from '@/components/centred-page';
import { NotFound } from '@/components/not-found';
import { ProblemAlert } from '@/components/problem-alert';

export const rootRoute = createRootRoute({
  component: Outlet,
  notFoundComponent: () => (
    <CentredPage>
      <NotFound title="This page does not exist">The address may be mistyped, or the page has moved.</NotFound>
    </CentredPage>
  ),
  errorComponent: RouteError,
});

function RouteError({ error: thrown }: ErrorComponentProps) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const router = useRouter();
  return (
    <CentredPage>
      <ProblemAlert error={error} onRetry={() => void router.invalidate()} />
    </CentredPage>
  );
}
