import { Alert, Button, Group, Modal, Progress, Select, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { type RedriveProgress, type Source, useRedriveAll } from '@/features/dead-letters/api/dead-letters';
import { sourceInWords, SOURCES } from '@/features/dead-letters/in-words';

interface RedriveAllProps {
  /** The source that the list is narrowed to. */
  source: Source | undefined;
  hasLetters: boolean;
}

/** Does all open work of a source again, and tells how far it is and what came of it. */
export function RedriveAll({ source, hasLetters }: RedriveAllProps) {
  const { redriveAll, progress } = useRedriveAll();
  const [isAsking, { open, close }] = useDisclosure(false);
  const [chosen, setChosen] = useState<Source | null>(null);
  const target = source ?? chosen;
  return (
    <Stack gap="sm" mb="md">
      {(hasLetters || redriveAll.isPending) && (
        <Group justify="flex-end">
          <Button variant="default" loading={redriveAll.isPending} onClick={open}>
            {source ? `Redrive all of ${sourceInWords(source)}` : 'Redrive all of a source'}
          </Button>
        </Group>
      )}
      {progress && <Outcome progress={progress} isUnderWay={redriveAll.isPending} />}
      {redriveAll.isError && <ProblemAlert error={redriveAll.error} title="Not all of it was done" />}
      <Modal
        opened={isAsking}
        onClose={close}
        title="Redrive all of a source?"
        closeButtonProps={{ 'aria-label': 'Close' }}
        centered
      >
        <Stack>
          <Text size="sm">
            The work of every open letter is done again, the newest first. What fails once more stays open with its new
            reason. Mend the cause first.
          </Text>
          <Select
            label="Source"
            placeholder="Whose work failed"
            data={Object.entries(SOURCES).map(([value, label]) => ({ value, label }))}
            value={target}
            onChange={(value) => setChosen(value as Source | null)}
            disabled={source !== undefined}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Not now
            </Button>
            <Button
              disabled={target === null}
              onClick={() => {
                close();
                if (target) redriveAll.mutate(target);
              }}
            >
              Redrive all
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Stack>
  );
}

function Outcome({ progress, isUnderWay }: { progress: RedriveProgress; isUnderWay: boolean }) {
  const { total, redriven, failed, skipped } = progress;
  const over = redriven + failed + skipped;
  const parts = [
    `${redriven} of ${total} redriven`,
    failed > 0 && `${failed} failed again`,
    skipped > 0 && `${skipped} skipped: closed or taken by somebody else`,
  ].filter(Boolean);
  return (
    <Alert color={failed > 0 ? 'yellow' : 'pine'} role="status">
      <Text size="sm">{total === 0 ? 'There was nothing to redrive.' : `${parts.join(', ')}.`}</Text>
      {isUnderWay && (
        <Progress value={total ? (over / total) * 100 : 0} mt="xs" size="sm" aria-label="Letters redriven so far" />
      )}
    </Alert>
  );
}
