import { Alert, Button, Code, Group, Progress, Stack, Text } from '@mantine/core';
import { IconShieldCheck, IconShieldX } from '@tabler/icons-react';

import { ProblemAlert } from '@/components/problem-alert';
import { useExport, useVerification, type Verification } from '@/features/audit/api/audit';
import { formatCount } from '@/lib/format';

/** Checks the chain, and stores the log for a check elsewhere. */
export function AuditActions() {
  const { verify, reached } = useVerification();
  const { save, reached: saved } = useExport();
  return (
    <Stack gap="sm" mb="lg">
      <Group gap="xs">
        <Button loading={verify.isPending} onClick={() => verify.mutate()}>
          Verify the chain
        </Button>
        <Button variant="default" loading={save.isPending} onClick={() => save.mutate()}>
          Export
        </Button>
      </Group>
      {verify.isPending && reached && (
        <Progress
          value={(reached.verified_to / Math.max(1, reached.head_seq)) * 100}
          size="sm"
          aria-label="Entries verified so far"
        />
      )}
      {save.isPending && saved > 0 && (
        <Text size="sm" c="dimmed" role="status">
          {formatCount(saved)} entries so far
        </Text>
      )}
      {verify.isSuccess && <Finding found={verify.data} />}
      {verify.isError && <ProblemAlert error={verify.error} title="The chain was not verified" />}
      {save.isError && <ProblemAlert error={save.error} title="The log was not exported" />}
    </Stack>
  );
}

function Finding({ found }: { found: Verification }) {
  const { intact, broken_at, verified_to, head_hash } = found;
  if (!intact) {
    return (
      <Alert color="red" icon={<IconShieldX />} title="The chain is broken" role="alert">
        Entry {formatCount(broken_at ?? verified_to)} is missing, was changed, or is out of place. Compare the log with
        an earlier export, and look for who could write to the database.
      </Alert>
    );
  }
  return (
    <Alert color="pine" icon={<IconShieldCheck />} title="The chain is intact" role="status">
      {found.head_seq === 0 ? (
        'The log is empty.'
      ) : (
        <>
          All {formatCount(verified_to)} entries are as they were written. Keep the last hash elsewhere, to notice a log
          that was written anew: <Code style={{ overflowWrap: 'anywhere' }}>{head_hash}</Code>
        </>
      )}
    </Alert>
  );
}
