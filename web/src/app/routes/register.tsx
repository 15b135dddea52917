import { Anchor } from '@mantine/core';
import { createRoute, Link, useRouter } from '@tanstack/react-router';

import { guestRoute } from '@/app/routes/guest';
import { usePageTitle } from '@/app/use-page-title';
import { AuthCard } from '@/features/session/components/auth-card';
import { RegisterForm } from '@/features/session/components/register-form';

export const registerRoute = createRoute({
  getParentRoute: () => guestRoute,
  path: '/register',
  component: RegisterPage,
});

function RegisterPage() {
  usePageTitle('Create an account');
  const search = registerRoute.useSearch();
  const router = useRouter();
  return (
    <AuthCard
      title="Create an account"
      footer={
        <>
          Have an account?{' '}
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/login" search={search} />}>
            Sign in
          </Anchor>
        </>
      }
    >
      <RegisterForm onRegistered={() => void router.invalidate()} />
    </AuthCard>
  );
}
