import { Button, Group, Modal, MultiSelect, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { ROLES, useInvite } from '@/features/people/api/people';

/** Asks whom to invite, and as what. */
export function InviteForm({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Invite somebody" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Form onDone={onClose} />
    </Modal>
  );
}

function Form({ onDone }: { onDone: () => void }) {
  const invite = useInvite();
  const [email, setEmail] = useState('');
  const [name, setName] = useState('');
  const [roles, setRoles] = useState(['user']);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        invite.mutate({ email, name, roles }, { onSuccess: onDone });
      }}
    >
      <Stack gap="md">
        {invite.error && <ProblemAlert error={invite.error} title="Nobody was invited" />}
        <TextInput
          label="E-mail"
          type="email"
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          data-autofocus
        />
        <TextInput label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <MultiSelect label="Roles" data={ROLES} value={roles} onChange={setRoles} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" disabled={!email || !name || roles.length === 0} loading={invite.isPending}>
            Send the invitation
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
