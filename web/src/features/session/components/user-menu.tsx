import { ActionIcon, Avatar, Menu, Text, VisuallyHidden } from '@mantine/core';
import { IconLogout } from '@tabler/icons-react';

import { useSignOut } from '@/features/session/api/sign-out';
import { useUser } from '@/lib/session/use-user';

/** Who is signed in, and the way out. */
export function UserMenu() {
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
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => signOut.mutate()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
