import { ActionIcon, Avatar, Menu, Text, VisuallyHidden } from '@mantine/core';
import {
  IconKey,
  IconLogout,
  IconMailExclamation,
  IconShieldCheck,
  IconShieldLock,
  IconUserCircle,
  IconUsers,
  IconWebhook,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { useSignOut } from '@/features/session/api/sign-out';
import { isAdmin, isOperator } from '@/lib/session/session';
import { useUser } from '@/lib/session/use-user';

interface UserMenuProps {
  /** How many dead letters are open, for administrators. */
  openLetters?: ReactNode;
}

/** Who is signed in, and the way out. */
export function UserMenu({ openLetters }: UserMenuProps) {
  const user = useUser();
  const signOut = useSignOut();
  if (!user) return null;
  return (
    <Menu position="bottom-end" width={240} shadow="md">
      <Menu.Target>
        <ActionIcon radius="xl" size="lg">
          <Avatar name={user.name} color="pine" size={32} alt="" />
          <VisuallyHidden>Account of {user.name}</VisuallyHidden>
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text fw={600} size="sm" c="var(--ink)" truncate>
            {user.name}
          </Text>
          <Text size="xs" c="dimmed" truncate>
            {user.email}
          </Text>
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item
          leftSection={<IconUserCircle size={16} />}
          renderRoot={(props: object) => <Link {...props} to="/account" />}
        >
          Account
        </Menu.Item>
        <Menu.Item
          leftSection={<IconWebhook size={16} />}
          renderRoot={(props: object) => <Link {...props} to="/webhooks" />}
        >
          Webhooks
        </Menu.Item>
        <Menu.Item leftSection={<IconKey size={16} />} renderRoot={(props: object) => <Link {...props} to="/keys" />}>
          API keys
        </Menu.Item>
        <Menu.Item
          leftSection={<IconShieldLock size={16} />}
          renderRoot={(props: object) => <Link {...props} to="/policies" />}
        >
          Who may do what
        </Menu.Item>
        {isOperator(user) && (
          <>
            <Menu.Label>Operations</Menu.Label>
            {isAdmin(user) && (
              <Menu.Item
                leftSection={<IconUsers size={16} />}
                renderRoot={(props: object) => <Link {...props} to="/people" search={{}} />}
              >
                People
              </Menu.Item>
            )}
            <Menu.Item
              leftSection={<IconMailExclamation size={16} />}
              rightSection={openLetters}
              renderRoot={(props: object) => <Link {...props} to="/dead-letters" />}
            >
              Dead letters
            </Menu.Item>
            <Menu.Item
              leftSection={<IconShieldCheck size={16} />}
              renderRoot={(props: object) => <Link {...props} to="/audit" />}
            >
              Audit log
            </Menu.Item>
          </>
        )}
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => signOut.mutate()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
