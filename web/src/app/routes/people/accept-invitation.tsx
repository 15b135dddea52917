import { Anchor, Text } from '@mantine/core';
import { createRoute, Link } from '@tanstack/react-router';

import { useLinkToken } from '@/app/routes/account/use-link-token';
import { rootRoute } from '@/app/routes/root';
import { usePageTitle } from '@/app/use-page-title';
import { AcceptInvitationForm } from '@/features/session/components/accept-invitation-form';
import { AuthCard } from '@/features/session/components/auth-card';

export const acceptInvitationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/accept-invitation',
  component: AcceptInvitationPage,
});

function AcceptInvitationPage() {
  usePageTitle('Welcome');
  const token = useLinkToken();
  const navigate = acceptInvitationRoute.useNavigate();
  return (
    <AuthCard
      title="Welcome"
      footer={
        <Anchor inherit renderRoot={(props) => <Link {...props} to="/login" search={{}} />}>
          Sign in
        </Anchor>
      }
    >
      {token ? (
        <AcceptInvitationForm token={token} onAccepted={() => void navigate({ to: '/' })} />
      ) : (
        <Text size="sm">This page is opened by the link of a mail. The link is incomplete: copy all of it.</Text>
      )}
    </AuthCard>
  );
}
