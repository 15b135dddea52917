import { Anchor, Badge, Group, Text } from '@mantine/core';

import type { components } from '@/lib/api/schema';
import { formatMoment } from '@/lib/format';

export type DataRequest = components['schemas']['DataRequest'];

const MINUTE = 60_000;
const COLOURS = { waiting: 'gray', running: 'blue', done: 'pine' };
const STATES = { waiting: 'Waiting', running: 'In progress', done: 'Done' };

/** Whether there is something to wait for. */
export function isOpen(request: DataRequest): boolean {
  return request.state === 'waiting' || request.state === 'running';
}

/** Whether somebody is at it: what was not told of for a minute has broken off, and is begun again by asking again. */
export function isAlive(request: DataRequest): boolean {
  return isOpen(request) && Date.now() - new Date(request.updated_at).getTime() < MINUTE;
}

/** When to ask again: soon while one is made, now and then where it broke off, and before the link of a file is over. */
export function askAgainAfter(requests: DataRequest[] = []): number | false {
  if (requests.some(isAlive)) return 2000;
  if (requests.some(isOpen)) return MINUTE / 4;
  return requests.some((each) => each.url) ? 4 * MINUTE : false;
}

/** How an export or erasure stands, with the file once there is one. */
export function DataRequestLine({ of }: { of: DataRequest }) {
  const total = Object.values(of.counts).reduce((sum, each) => sum + each, 0);
  return (
    <Group gap="xs" role="group" aria-label={`${of.kind === 'export' ? 'Export' : 'Erasure'}, ${STATES[of.state]}`}>
      <Badge color={COLOURS[of.state]} variant="light">
        {STATES[of.state]}
      </Badge>
      <Text size="sm">
        {of.kind === 'export' ? 'Export' : 'Erasure'} · <time dateTime={of.asked_at}>{formatMoment(of.asked_at)}</time>
        {of.step && ` · ${of.step.replace('_', ' ')}`}
        {total > 0 && ` · ${total.toString()} items`}
      </Text>
      {of.url && (
        <Anchor size="sm" href={of.url} download>
          Download
        </Anchor>
      )}
    </Group>
  );
}
