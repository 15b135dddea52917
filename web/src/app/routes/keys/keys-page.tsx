import { Button, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';

import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { listGroupsOptions } from '@/features/agents/api/list-groups';
import { KeyList } from '@/features/keys/components/key-list';
import { NewKeyForm } from '@/features/keys/components/new-key-form';

export function KeysPage() {
  usePageTitle('API keys');
  const [isAdding, { open, close }] = useDisclosure(false);
  const groups = useQuery(listGroupsOptions);
  return (
    <>
      <header className={classes.head}>
        <div>
          <Title order={1}>API keys</Title>
          <Text c="dimmed" mt={4}>
            For programs that work on your behalf.
          </Text>
        </div>
        <Button onClick={open}>New API key</Button>
      </header>
      <KeyList onAdd={open} />
      <NewKeyForm isOpen={isAdding} onClose={close} groups={groups.data?.map(({ id }) => id) ?? []} />
    </>
  );
}
