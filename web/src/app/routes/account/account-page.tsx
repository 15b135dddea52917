import { Stack, Text, Title } from '@mantine/core';
import { useRouter } from '@tanstack/react-router';

import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { MyDataPanel } from '@/features/my-data/components/my-data-panel';
import { AccountPanel } from '@/features/session/components/account-panel';
import { ChangePasswordForm } from '@/features/session/components/change-password-form';
import { SessionsPanel } from '@/features/session/components/sessions-panel';

export function AccountPage() {
  usePageTitle('Account');
  const router = useRouter();
  return (
    <>
      <header className={classes.head}>
        <div>
          <Title order={1}>Account</Title>
          <Text c="dimmed" mt={4}>
            Who you are here, and what keeps it that way.
          </Text>
        </div>
      </header>
      <Stack gap="lg">
        <AccountPanel />
        <ChangePasswordForm />
        <SessionsPanel onSignedOut={() => void router.invalidate()} />
        <MyDataPanel onErased={() => void router.invalidate()} />
      </Stack>
    </>
  );
}
