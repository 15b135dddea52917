import { Button, Drawer, Group, MultiSelect, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { ConfirmButton } from '@/components/confirm-button';
import { DataRequestLine } from '@/components/data-request-line';
import { ProblemAlert } from '@/components/problem-alert';
import { dataRequestsOptions, type Person, ROLES, usePerson } from '@/features/people/api/people';

/** What may be done with one account. */
export function PersonDrawer({ of, onClose }: { of: Person; onClose: () => void }) {
  const { setRoles, disable, enable, exportData, erase } = usePerson(of.id);
  const requests = useQuery(dataRequestsOptions(of.id));
  const [roles, setChosen] = useState(of.roles);
  const [typed, setTyped] = useState('');
  const error = setRoles.error ?? enable.error ?? exportData.error ?? erase.error;
  const isErasing = of.status === 'erasing';
  const isChanged = [...roles].sort().join() !== [...of.roles].sort().join();
  return (
    <Drawer opened onClose={onClose} position="right" title={of.name} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack gap="lg">
        <Text c="dimmed" size="sm">
          {of.email}
        </Text>
        {error && <ProblemAlert error={error} title="It was not done" />}
        {!isErasing && (
          <>
            <MultiSelect label="Roles" data={ROLES} value={roles} onChange={setChosen} />
            <Group>
              <Button
                disabled={!isChanged || roles.length === 0}
                loading={setRoles.isPending}
                onClick={() => setRoles.mutate(roles)}
              >
                Save the roles
              </Button>
              {of.status === 'active' ? (
                <ConfirmButton
                  question={`Disable ${of.name}?`}
                  consequence="Sessions, API keys, triggers and webhooks stop at once. Nothing is deleted."
                  yes="Disable"
                  no="Leave it"
                  isPending={disable.isPending}
                  error={disable.error}
                  onConfirm={(close) => disable.mutate(undefined, { onSuccess: close })}
                >
                  Disable
                </ConfirmButton>
              ) : (
                <Button variant="default" loading={enable.isPending} onClick={() => enable.mutate()}>
                  Enable
                </Button>
              )}
              <Button variant="default" loading={exportData.isPending} onClick={() => exportData.mutate()}>
                Export the data
              </Button>
            </Group>
          </>
        )}
        {requests.error && <ProblemAlert error={requests.error} onRetry={() => void requests.refetch()} />}
        {requests.data?.items.map((each) => (
          <DataRequestLine key={each.id} of={each} />
        ))}
        <TextInput
          label={isErasing ? 'Go on deleting: type the address' : 'Delete with all data: type the address'}
          description="It cannot be brought back."
          placeholder={of.email}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Button
          color="red.9"
          disabled={typed.trim().toLowerCase() !== of.email}
          loading={erase.isPending}
          onClick={() => erase.mutate()}
        >
          Delete for good
        </Button>
      </Stack>
    </Drawer>
  );
}
