import { Alert, Button, Group, Popover, Stack, Text, TextInput } from '@mantine/core';
import { IconPower } from '@tabler/icons-react';
import { type SubmitEvent, useState } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import type { AgentInfo } from '@/features/agents/api/get-agent';
import { useSetAgentSwitch } from '@/features/agents/api/set-agent-switch';
import { formatMoment } from '@/lib/format';

const ICON = <IconPower size={16} stroke={1.75} aria-hidden="true" />;

/** For operators: takes an agent out of service; its users are told why. */
export function AgentSwitch({ agent }: { agent: AgentInfo }) {
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const change = useSetAgentSwitch(agent);
  if (agent.switched_off) return null;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    change.mutate(reason, { onSuccess: () => setOpen(false) });
  };
  return (
    <Popover opened={isOpen} onChange={setOpen} width={340} position="bottom-end" trapFocus withinPortal>
      <Popover.Target>
        <Button variant="default" leftSection={ICON} onClick={() => setOpen(!isOpen)}>
          Switch off
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form onSubmit={submit}>
          <Stack gap="sm">
            <TextInput
              label="Why it is off"
              description="Whoever wants to run it reads this"
              required
              minLength={3}
              maxLength={300}
              value={reason}
              onChange={(event) => setReason(event.currentTarget.value)}
            />
            {change.isError && <ProblemAlert error={change.error} />}
            <Button type="submit" color="red" loading={change.isPending}>
              Switch it off
            </Button>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

interface SwitchedOffNoteProps {
  agent: AgentInfo;
  /** Whether the reader may switch it on again. */
  mayChange: boolean;
}

/** Why an agent is out of service. */
export function SwitchedOffNote({ agent, mayChange }: SwitchedOffNoteProps) {
  const change = useSetAgentSwitch(agent);
  if (!agent.switched_off) return null;
  return (
    <Alert color="orange" icon={ICON} title="This agent is switched off" mb="lg">
      <Group justify="space-between" align="flex-end">
        <div>
          <Text size="sm">{agent.switched_off.reason}</Text>
          <Text size="xs" c="dimmed">
            Since {formatMoment(agent.switched_off.since)}. Until it is on again, nobody can run it.
          </Text>
        </div>
        {mayChange && (
          <Button size="xs" variant="default" loading={change.isPending} onClick={() => change.mutate(null)}>
            Switch it on
          </Button>
        )}
      </Group>
      {change.isError && <ProblemAlert error={change.error} />}
    </Alert>
  );
}
