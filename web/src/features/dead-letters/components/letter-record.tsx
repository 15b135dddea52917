import { Anchor, Button, Code, Group, Modal, Skeleton, Stack, Textarea } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type SubmitEvent, useState } from 'react';

import { ForbiddenNote, isForbidden } from '@/components/forbidden-note';
import { JsonText } from '@/components/json-text';
import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { RecordHeader } from '@/components/record-header';
import { type DeadLetter, getLetterOptions, useLetter } from '@/features/dead-letters/api/dead-letters';
import { LetterState } from '@/features/dead-letters/components/letter-list';
import { sourceInWords } from '@/features/dead-letters/in-words';
import { formatMoment } from '@/lib/format';
import type { Json } from '@/lib/json-schema/types';
import { titleOf } from '@/lib/json-schema/titles';

/** One dead letter: why it failed, what its work was, and what can be done about it. */
export function LetterRecord({ id }: { id: string }) {
  const letter = useQuery(getLetterOptions(id));
  if (letter.isError && isForbidden(letter.error)) return <ForbiddenNote error={letter.error} />;
  if (letter.isError && !letter.data) {
    return <ProblemAlert error={letter.error} onRetry={() => void letter.refetch()} />;
  }
  if (!letter.data) {
    return (
      <div aria-busy="true" aria-label="Loading the dead letter">
        <Skeleton height={120} mb="lg" />
        <Skeleton height={240} />
      </div>
    );
  }
  return (
    <Stack gap="lg">
      <Head letter={letter.data} />
      <Panel title="What its work was">
        <JsonText label="Payload" value={letter.data.payload as Json} />
      </Panel>
    </Stack>
  );
}

function Head({ letter }: { letter: DeadLetter }) {
  const { redrive, discard } = useLetter(letter.id);
  const [isAsking, { open, close }] = useDisclosure(false);
  const failedAgain = redrive.data?.state === 'open' ? redrive.data.message : null;
  return (
    <div>
      <RecordHeader
        crumbs={
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/dead-letters" />}>
            Dead letters
          </Anchor>
        }
        title={titleOf(letter.code)}
        summary={letter.message}
        actions={
          letter.state === 'open' && (
            <Group gap="xs">
              <Button loading={redrive.isPending} onClick={() => redrive.mutate()}>
                Redrive
              </Button>
              <Button variant="default" onClick={open}>
                Discard
              </Button>
            </Group>
          )
        }
      >
        <LetterState state={letter.state} />
        <span>{sourceInWords(letter.source)}</span>
        {letter.type && <span>{letter.type}</span>}
        {letter.subject && <span>{letter.subject}</span>}
        <span>{letter.tries === 1 ? '1 try' : `${letter.tries} tries`}</span>
        <span>Failed {formatMoment(letter.failed_at)}</span>
        {letter.changed_at && (
          <span>
            {letter.state === 'open' ? 'Tried again' : 'Closed'} {formatMoment(letter.changed_at)}
          </span>
        )}
        {letter.note && <span>Discarded because: {letter.note}</span>}
        {letter.event_id && (
          <span>
            Event <Code>{letter.event_id}</Code>
          </span>
        )}
      </RecordHeader>
      {failedAgain !== null && !redrive.isPending && (
        <ProblemAlert error={new Error(failedAgain)} title="It failed again" />
      )}
      {redrive.isError && <ProblemAlert error={redrive.error} title="It was not done" />}
      <Modal
        opened={isAsking}
        onClose={close}
        title="Discard this letter?"
        closeButtonProps={{ 'aria-label': 'Close' }}
        centered
      >
        <DiscardForm
          isPending={discard.isPending}
          error={discard.error}
          onCancel={close}
          onDiscard={(reason) => discard.mutate(reason, { onSuccess: close })}
        />
      </Modal>
    </div>
  );
}

interface DiscardFormProps {
  isPending: boolean;
  error: Error | null;
  onCancel: () => void;
  onDiscard: (reason: string) => void;
}

function DiscardForm({ isPending, error, onCancel, onDiscard }: DiscardFormProps) {
  const [reason, setReason] = useState('');
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    onDiscard(reason.trim());
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Textarea
          label="Why"
          description="The letter is closed and its work is never done. The reason stays with it."
          maxLength={500}
          autosize
          minRows={3}
          required
          data-autofocus
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        {error && <ProblemAlert error={error} title="It was not discarded" />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Keep it
          </Button>
          <Button type="submit" color="red.9" loading={isPending} disabled={reason.trim() === ''}>
            Discard
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
