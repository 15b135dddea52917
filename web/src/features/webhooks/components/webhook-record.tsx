import { Alert, Anchor, Button, Code, Group, Modal, Skeleton, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { ConfirmButton } from '@/components/confirm-button';
import { ProblemAlert } from '@/components/problem-alert';
import { RecordHeader } from '@/components/record-header';
import { getWebhookOptions, useWebhook, type Webhook } from '@/features/webhooks/api/webhooks';
import { DeliveryList } from '@/features/webhooks/components/delivery-list';
import { SecretOnce } from '@/features/webhooks/components/secret-once';
import { WebhookStatus } from '@/features/webhooks/components/webhook-list';
import { formatAgo, formatMoment } from '@/lib/format';

interface WebhookRecordProps {
  id: string;
  onDeleted: () => void;
}

/** One webhook: what it is told of, what can be done with it, and what was sent. */
export function WebhookRecord({ id, onDeleted }: WebhookRecordProps) {
  const webhook = useQuery(getWebhookOptions(id));
  if (webhook.isError && !webhook.data) {
    return <ProblemAlert error={webhook.error} onRetry={() => void webhook.refetch()} />;
  }
  if (!webhook.data) {
    return (
      <div aria-busy="true" aria-label="Loading the webhook">
        <Skeleton height={120} mb="lg" />
        <Skeleton height={200} />
      </div>
    );
  }
  return (
    <Stack gap="lg">
      <Head webhook={webhook.data} onDeleted={onDeleted} />
      <DeliveryList webhookId={id} />
    </Stack>
  );
}

function Head({ webhook, onDeleted }: { webhook: Webhook; onDeleted: () => void }) {
  const { change, remove, rotate, ping } = useWebhook(webhook.id);
  const [secret, setSecret] = useState<string | null>(null);
  const fault = change.error ?? ping.error;
  return (
    <div>
      <RecordHeader
        crumbs={
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/webhooks" />}>
            Webhooks
          </Anchor>
        }
        title={webhook.description || new URL(webhook.url).host}
        summary={webhook.url}
        actions={
          <Group gap="xs">
            <Button loading={ping.isPending} disabled={!webhook.enabled} onClick={() => ping.mutate()}>
              Send a ping
            </Button>
            <Button
              variant="default"
              loading={change.isPending}
              onClick={() => change.mutate({ enabled: !webhook.enabled })}
            >
              {webhook.enabled ? 'Disable' : 'Enable'}
            </Button>
            <ConfirmButton
              question="Make a new secret?"
              consequence="Events are signed with both secrets for 24 hours, then with the new one alone."
              yes="Make it"
              no="Keep the old one"
              isPending={rotate.isPending}
              error={rotate.error}
              onConfirm={(close) =>
                rotate.mutate(undefined, {
                  onSuccess: (rotated) => {
                    close();
                    setSecret(rotated.secret);
                  },
                })
              }
            >
              New secret
            </ConfirmButton>
            <ConfirmButton
              question="Delete this webhook?"
              consequence="Nothing more is sent to it, not even what is on its way."
              yes="Delete"
              no="Keep it"
              isPending={remove.isPending}
              error={remove.error}
              onConfirm={() => remove.mutate(undefined, { onSuccess: onDeleted })}
            >
              Delete
            </ConfirmButton>
          </Group>
        }
      >
        <WebhookStatus webhook={webhook} />
        <span>{webhook.events.join(', ')}</span>
        {webhook.platform_wide && <span>Events of everybody</span>}
        <span>Made {formatAgo(webhook.created_at)}</span>
        {webhook.previous_secret_until && (
          <span>The old secret is valid until {formatMoment(webhook.previous_secret_until)}</span>
        )}
      </RecordHeader>
      {Object.keys(webhook.match).length > 0 && (
        <Text size="sm" mt="sm">
          Only when <Code>{JSON.stringify(webhook.match)}</Code>
        </Text>
      )}
      {webhook.disabled && (
        <Alert color="red" title="The platform disabled it" mt="md">
          {webhook.disabled.message} Mend the receiver, then enable it again.
        </Alert>
      )}
      {fault && <ProblemAlert error={fault} title="It was not done" />}
      <Modal
        opened={secret !== null}
        onClose={() => setSecret(null)}
        title="Keep the secret now"
        size="lg"
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {secret && <SecretOnce secret={secret} onDone={() => setSecret(null)} />}
      </Modal>
    </div>
  );
}
