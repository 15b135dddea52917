import { Anchor } from '@mantine/core';
import { createRoute, Link, useRouter } from '@tanstack/react-router';

import { guestRoute } from '@/app/routes/guest';
import { usePageTitle } from '@/app/use-page-title';
import { AuthCard } from '@/features/session/components/auth-card';
import { SignInForm } from '@/features/session/components/sign-in-form';

export const loginRoute = createRoute({ getParentRoute: () => guestRoute, path: '/login', component: LoginPage });

function LoginPage() {
  usePageTitle('Sign in');
  const search = loginRoute.useSearch();
  const router = useRouter();
  return (
    <AuthCard
      title="Sign in"
      footer={
        <>
          No account yet?{' '}
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/register" search={search} />}>
            Create one
          </Anchor>
          {' · '}
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/forgot-password" search={search} />}>
            Forgot the password?
          </Anchor>
        </>
      }
    >
      <SignInForm onSignedIn={() => void router.invalidate()} />
    </AuthCard>
  );
}
