import { Anchor } from '@mantine/core';
import { createRoute, Link } from '@tanstack/react-router';

import { guestRoute } from '@/app/routes/guest';
import { usePageTitle } from '@/app/use-page-title';
import { AuthCard } from '@/features/session/components/auth-card';
import { ForgotPasswordForm } from '@/features/session/components/forgot-password-form';

export const forgotPasswordRoute = createRoute({
  getParentRoute: () => guestRoute,
  path: '/forgot-password',
  component: ForgotPasswordPage,
});

function ForgotPasswordPage() {
  usePageTitle('Forgotten password');
  const search = forgotPasswordRoute.useSearch();
  return (
    <AuthCard
      title="Forgotten password"
      footer={
        <Anchor inherit renderRoot={(props) => <Link {...props} to="/login" search={search} />}>
          Back to signing in
        </Anchor>
      }
    >
      <ForgotPasswordForm />
    </AuthCard>
  );
}
