import { Button, Checkbox, Group, Modal, Stack, Switch, Text, TextInput } from '@mantine/core';
import { useState } from 'react';

import { JsonEditor } from '@/components/json-editor';
import { ProblemAlert } from '@/components/problem-alert';
import { useCreateWebhook, type WebhookWithSecret } from '@/features/webhooks/api/webhooks';
import { SecretOnce } from '@/features/webhooks/components/secret-once';
import { EVENT_TYPES, type EventType } from '@/features/webhooks/in-words';
import { ApiProblem } from '@/lib/api/problem';
import { isObject, type Json, type JsonObject } from '@/lib/json-schema/types';

interface NewWebhookFormProps {
  isOpen: boolean;
  onClose: () => void;
  /** Whether everybody's events may be asked for. */
  isAdmin: boolean;
}

/** Asks for an address and the events; shows the secret once. */
export function NewWebhookForm({ isOpen, onClose, isAdmin }: NewWebhookFormProps) {
  const [made, setMade] = useState<WebhookWithSecret | null>(null);
  const close = () => {
    setMade(null);
    onClose();
  };
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={made ? 'Keep the secret now' : 'New webhook'}
      size="lg"
      closeButtonProps={{ 'aria-label': 'Close' }}
      // A click beside it would lose what cannot be shown again.
      closeOnClickOutside={made === null}
    >
      {made ? (
        <SecretOnce secret={made.secret} onDone={close} />
      ) : (
        <Form isAdmin={isAdmin} onMade={setMade} onCancel={close} />
      )}
    </Modal>
  );
}

const NO_MATCH: JsonObject = {};

interface FormProps {
  isAdmin: boolean;
  onMade: (webhook: WebhookWithSecret) => void;
  onCancel: () => void;
}

function Form({ isAdmin, onMade, onCancel }: FormProps) {
  const create = useCreateWebhook();
  const [url, setUrl] = useState('');
  const [description, setDescription] = useState('');
  const [events, setEvents] = useState<EventType[]>(['workflow.failed']);
  const [match, setMatch] = useState<Json>(NO_MATCH);
  const [isBroken, setBroken] = useState(false);
  const [isPlatformWide, setPlatformWide] = useState(false);
  const fields = create.error instanceof ApiProblem ? create.error.fields : [];
  const faultOf = (name: string) => fields.find(({ field }) => field.replace(/^body\./, '').startsWith(name))?.message;
  return (
    <form
      aria-label="New webhook"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate(
          {
            url: url.trim(),
            description: description.trim(),
            events,
            match: (isObject(match) ? match : {}) as Record<string, (string | number | boolean)[]>,
            enabled: true,
            platform_wide: isPlatformWide,
          },
          { onSuccess: onMade },
        );
      }}
    >
      <Stack gap="md">
        <TextInput
          label="Address"
          description="Where events are sent by POST: an https address on the public internet."
          placeholder="https://hooks.example.com/agents"
          type="url"
          required
          data-autofocus
          value={url}
          onChange={(event) => setUrl(event.currentTarget.value)}
          error={faultOf('url')}
        />
        <Checkbox.Group
          label="Events"
          value={events}
          onChange={(chosen) => setEvents(chosen)}
          error={faultOf('events')}
        >
          <Stack gap={6} mt={6}>
            {EVENT_TYPES.map(({ value, label }) => (
              <Checkbox key={value} value={value} label={label} />
            ))}
          </Stack>
        </Checkbox.Group>
        <div>
          <Text size="sm" fw={500}>
            Only when
          </Text>
          <Text size="xs" c="dimmed" mb={4}>
            Fields of the event with the values they may have, such as {'{"status": ["failed"]}'}. Empty: always.
          </Text>
          <JsonEditor
            label="Only when, as JSON"
            value={match}
            onChange={setMatch}
            onBroken={setBroken}
            minRows={2}
            maxRows={8}
          />
          {faultOf('match') && (
            <Text size="sm" c="var(--mantine-color-error)" role="alert">
              {faultOf('match')}
            </Text>
          )}
        </div>
        <TextInput
          label="What it is for"
          description="Optional."
          maxLength={200}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
          error={faultOf('description')}
        />
        {isAdmin && (
          <Switch
            label="Events of everybody"
            description="The whole platform's, not only mine."
            checked={isPlatformWide}
            onChange={(event) => setPlatformWide(event.currentTarget.checked)}
          />
        )}
        {create.error && fields.length === 0 && <ProblemAlert error={create.error} title="It was not made" />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button
            type="submit"
            loading={create.isPending}
            disabled={isBroken || url.trim() === '' || events.length === 0}
          >
            Create
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
