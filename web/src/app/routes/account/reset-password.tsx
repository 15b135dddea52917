import { Anchor, Text } from '@mantine/core';
import { createRoute, Link } from '@tanstack/react-router';

import { useLinkToken } from '@/app/routes/account/use-link-token';
import { rootRoute } from '@/app/routes/root';
import { usePageTitle } from '@/app/use-page-title';
import { AuthCard } from '@/features/session/components/auth-card';
import { ResetPasswordForm } from '@/features/session/components/reset-password-form';

export const resetPasswordRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/reset-password',
  component: ResetPasswordPage,
});

function ResetPasswordPage() {
  usePageTitle('New password');
  const token = useLinkToken();
  return (
    <AuthCard
      title="New password"
      footer={
        <>
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/login" search={{}} />}>
            Sign in
          </Anchor>
          {' · '}
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/forgot-password" search={{}} />}>
            Ask for another mail
          </Anchor>
        </>
      }
    >
      {token ? (
        <ResetPasswordForm token={token} />
      ) : (
        <Text size="sm">This page is opened by the link of a mail. The link is incomplete: copy all of it.</Text>
      )}
    </AuthCard>
  );
}
