import {
  Button,
  Checkbox,
  Fieldset,
  Group,
  Modal,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  TagsInput,
  Text,
  TextInput,
} from '@mantine/core';
import { useState } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { type ApiKeyWithSecret, useCreateKey } from '@/features/keys/api/keys';
import { KeyOnce } from '@/features/keys/components/key-once';
import { EXPIRIES, SCOPES } from '@/features/keys/in-words';
import { ApiProblem } from '@/lib/api/problem';

interface NewKeyFormProps {
  isOpen: boolean;
  onClose: () => void;
  /** Ids of agent groups, which are proposed for the allow-list. */
  groups: string[];
}

/** Asks what a key is for; shows it once. */
export function NewKeyForm({ isOpen, onClose, groups }: NewKeyFormProps) {
  const [made, setMade] = useState<ApiKeyWithSecret | null>(null);
  const close = () => {
    setMade(null);
    onClose();
  };
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={made ? 'Keep the key now' : 'New API key'}
      size="lg"
      closeButtonProps={{ 'aria-label': 'Close' }}
      // A click beside it would lose what cannot be shown again.
      closeOnClickOutside={made === null}
      closeOnEscape={made === null}
      withCloseButton={made === null}
    >
      {made ? <KeyOnce text={made.key} onDone={close} /> : <Form groups={groups} onMade={setMade} onCancel={close} />}
    </Modal>
  );
}

interface FormProps {
  groups: string[];
  onMade: (key: ApiKeyWithSecret) => void;
  onCancel: () => void;
}

function Form({ groups, onMade, onCancel }: FormProps) {
  const create = useCreateKey();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string[]>(['agents:execute', 'executions:read']);
  const [agents, setAgents] = useState<string[]>([]);
  const [days, setDays] = useState('90');
  const [budget, setBudget] = useState<number | string>('');
  const fields = create.error instanceof ApiProblem ? create.error.fields : [];
  const faultOf = (field: string) => {
    const faults = fields.filter((each) => each.field.replace(/^body\./, '').startsWith(field));
    if (faults.length === 0) return undefined;
    return faults.map((each) => `${named(each.field, { scopes, agents })}${each.message}`).join('; ');
  };
  return (
    <form
      aria-label="New API key"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate(
          {
            name: name.trim(),
            scopes,
            agents: agents.length > 0 ? agents : null,
            expires_in_days: Number(days),
            budget_usd: typeof budget === 'number' ? budget : null,
          },
          { onSuccess: onMade },
        );
      }}
    >
      <Stack gap="md">
        <TextInput
          label="What it is for"
          placeholder="Nightly invoices"
          required
          maxLength={100}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={faultOf('name')}
        />
        <Checkbox.Group
          label="What it may do"
          description="Never more than you may do yourself."
          value={scopes}
          onChange={setScopes}
          error={faultOf('scopes')}
        >
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" mt={6}>
            {SCOPES.map(({ title, scopes: some }) => (
              <Fieldset key={title} legend={title} variant="filled" p="sm">
                <Stack gap={6}>
                  {some.map(({ value, label }) => (
                    <Checkbox key={value} size="sm" value={value} label={label} />
                  ))}
                </Stack>
              </Fieldset>
            ))}
          </SimpleGrid>
        </Checkbox.Group>
        <TagsInput
          label="Agents"
          description="Ids such as legal/nda-reviewer, or legal/* for a group. Empty: every agent that you may use."
          placeholder={agents.length === 0 ? 'All' : ''}
          data={groups.map((group) => `${group}/*`)}
          maxTags={50}
          value={agents}
          onChange={setAgents}
          error={faultOf('agents')}
        />
        <Group grow align="start">
          <Select
            label="Expires in"
            data={EXPIRIES}
            value={days}
            onChange={(chosen) => setDays(chosen ?? '90')}
            allowDeselect={false}
            error={faultOf('expires_in_days')}
          />
          <NumberInput
            label="Budget a month, in USD"
            placeholder="Yours alone"
            min={0}
            max={1_000_000}
            decimalScale={2}
            value={budget}
            onChange={setBudget}
            error={faultOf('budget_usd')}
          />
        </Group>
        {create.error && fields.length === 0 && <ProblemAlert error={create.error} title="It was not made" />}
        <Group justify="flex-end">
          {scopes.length === 0 && (
            <Text size="sm" c="dimmed">
              Choose what it may do.
            </Text>
          )}
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" loading={create.isPending} disabled={name.trim() === '' || scopes.length === 0}>
            Create
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Which of several a fault means: `agents.1` is the second of the list. */
function named(field: string, lists: Record<string, string[]>): string {
  const [list = '', index = ''] = field.replace(/^body\./, '').split('.');
  const one = lists[list]?.[Number(index)];
  return index && one ? `${one} ` : '';
}
