import { Anchor, Text } from '@mantine/core';
import { createRoute, Link } from '@tanstack/react-router';

import { useLinkToken } from '@/app/routes/account/use-link-token';
import { rootRoute } from '@/app/routes/root';
import { usePageTitle } from '@/app/use-page-title';
import { AuthCard } from '@/features/session/components/auth-card';
import { VerifyEmailForm } from '@/features/session/components/verify-email-form';
import { restore } from '@/lib/session/session';

export const verifyEmailRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/verify-email',
  // For people who are signed in and for those who are not.
  beforeLoad: async () => {
    await restore().catch(() => false);
  },
  component: VerifyEmailPage,
});

function VerifyEmailPage() {
  usePageTitle('Confirm your address');
  const token = useLinkToken();
  return (
    <AuthCard
      title="Confirm your address"
      footer={
        <Anchor inherit renderRoot={(props) => <Link {...props} to="/" />}>
          To the platform
        </Anchor>
      }
    >
      {token ? (
        <VerifyEmailForm token={token} />
      ) : (
        <Text size="sm">This page is opened by the link of a mail. The link is incomplete: copy all of it.</Text>
      )}
    </AuthCard>
  );
}
