import { Button, Group, SegmentedControl, Select, Text, TextInput } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';

import { JsonEditor } from '@/components/json-editor';
import { ProblemAlert } from '@/components/problem-alert';
import { type NewTrigger, useCreateTrigger } from '@/features/triggers/api/create-trigger';
import classes from '@/features/triggers/components/new-trigger-form.module.css';
import { EVENTS, type EventType } from '@/features/triggers/in-words';
import { ApiProblem } from '@/lib/api/problem';
import { isObject, type Json, type JsonObject } from '@/lib/json-schema/types';

interface NewTriggerFormProps {
  workflowId: string;
  example: JsonObject | null;
  onClose: () => void;
}

type Kind = 'cron' | 'at' | 'event';

const PRESETS = [
  { value: '0 8 * * MON-FRI', label: 'Weekdays at 08:00' },
  { value: '0 8 * * *', label: 'Every day at 08:00' },
  { value: '0 8 * * MON', label: 'Mondays at 08:00' },
  { value: '0 8 1 * *', label: 'First day of the month at 08:00' },
  { value: '0 * * * *', label: 'Every hour' },
];
const EVENT_CHOICES = Object.entries(EVENTS).map(([value, label]) => ({ value, label }));
/** What may be asked of an event, and what a run's input may take from it. */
const HINTS: Record<EventType, { match: string; input: string }> = {
  'agent.executed': { match: '{"status": ["failed"]}', input: '"${event.data.agent_id}"' },
  'workflow.started': { match: '{"source.kind": ["schedule"]}', input: '"${event.data.workflow_name}"' },
  'workflow.completed': { match: '{"workflow_name": ["pay-invoice"]}', input: '"${event.data.workflow_name}"' },
  'workflow.failed': { match: '{"status": ["failed"]}', input: '"${event.data.error.code}"' },
};
const NO_MATCH: JsonObject = {};

/** By the clock, once or again and again, or after an event; with the input of each run. */
export function NewTriggerForm({ workflowId, example, onClose }: NewTriggerFormProps) {
  const create = useCreateTrigger();
  const form = useRef<HTMLFormElement>(null);
  // It has just been asked for: the keyboard goes on in it.
  useEffect(() => form.current?.querySelector<HTMLInputElement>('input:checked')?.focus(), []);
  const [kind, setKind] = useState<Kind>('cron');
  const [title, setTitle] = useState('');
  const [cron, setCron] = useState('0 8 * * MON-FRI');
  const [at, setAt] = useState('');
  const [timezone, setTimezone] = useState(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [type, setType] = useState<EventType>('workflow.completed');
  const [match, setMatch] = useState<Json>(NO_MATCH);
  const [input, setInput] = useState<Json>(example ?? NO_MATCH);
  const [isBroken, setBroken] = useState(false);
  const fields = create.error instanceof ApiProblem ? create.error.fields : [];
  const faultOf = (name: string) => fields.find(({ field }) => field.replace(/^body\./, '').startsWith(name))?.message;
  const stray = fields.filter(({ field }) => /^(body\.)?(input|event|workflow_id)\b/.test(field));

  function order(): NewTrigger {
    const shared = { workflow_id: workflowId, ...(title.trim() ? { title: title.trim() } : {}) };
    const data = isObject(input) ? input : {};
    if (kind === 'event') {
      return { ...shared, input: data, event: { type, match: (isObject(match) ? match : {}) as Match } };
    }
    const moment = kind === 'cron' ? { cron: cron.trim() } : { at };
    return { ...shared, input: data, schedule: { ...moment, timezone } };
  }

  return (
    <form
      ref={form}
      className={classes.form}
      aria-label="New trigger"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate(order(), { onSuccess: onClose });
      }}
    >
      <SegmentedControl
        aria-label="What starts a run"
        data={[
          { value: 'cron', label: 'Repeatedly' },
          { value: 'at', label: 'Once' },
          { value: 'event', label: 'After an event' },
        ]}
        value={kind}
        onChange={(next) => setKind(next)}
      />
      {kind === 'cron' && (
        <div className={classes.pair}>
          <Select
            label="How often"
            placeholder="As written beside"
            data={PRESETS}
            value={PRESETS.some(({ value }) => value === cron) ? cron : null}
            onChange={(preset) => preset && setCron(preset)}
          />
          <TextInput
            label="In crontab notation"
            description="Minute, hour, day, month, weekday"
            inputWrapperOrder={['label', 'input', 'description', 'error']}
            value={cron}
            onChange={(event) => setCron(event.currentTarget.value)}
            error={faultOf('schedule.cron')}
            styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
          />
        </div>
      )}
      {kind === 'at' && (
        <TextInput
          type="datetime-local"
          label="When"
          value={at}
          onChange={(event) => setAt(event.currentTarget.value)}
          error={faultOf('schedule.at')}
          required
        />
      )}
      {kind !== 'event' && (
        <Select
          label="Time zone"
          data={timeZones(timezone)}
          value={timezone}
          onChange={(zone) => zone && setTimezone(zone)}
          error={faultOf('schedule.timezone')}
          searchable
        />
      )}
      {kind === 'event' && (
        <>
          <Select
            label="After which event"
            data={EVENT_CHOICES}
            value={type}
            onChange={(chosen) => chosen && setType(chosen as EventType)}
            allowDeselect={false}
          />
          <div>
            <Text size="sm" fw={500}>
              Only when
            </Text>
            <Text size="xs" c="dimmed" mb={4}>
              Fields of the event with the values they may have, such as {HINTS[type].match}. Empty: always.
            </Text>
            <JsonEditor
              label="Only when, as JSON"
              value={match}
              onChange={setMatch}
              onBroken={setBroken}
              minRows={3}
              maxRows={8}
            />
          </div>
        </>
      )}
      <TextInput
        label="Title"
        description="Optional: what to call it here."
        maxLength={80}
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
        error={faultOf('title')}
      />
      <div>
        <Text size="sm" fw={500}>
          Input of each run
        </Text>
        <Text size="xs" c="dimmed" mb={4}>
          {kind === 'event'
            ? `May refer to the event, as in ${HINTS[type].input}.`
            : 'May refer to the moment: "${schedule.time}".'}
        </Text>
        <JsonEditor
          label="Input of each run, as JSON"
          value={input}
          onChange={setInput}
          onBroken={setBroken}
          minRows={5}
          maxRows={14}
        />
      </div>
      {stray.map(({ field, message }) => (
        <Text key={`${field} ${message}`} size="sm" c="var(--mantine-color-error)" role="alert">
          {field.replace(/^body\./, '')}: {message}
        </Text>
      ))}
      {create.error && fields.length === 0 && <ProblemAlert error={create.error} title="It was not made" />}
      <Group gap="sm">
        <Button type="submit" loading={create.isPending} disabled={isBroken || (kind === 'at' && at === '')}>
          Create
        </Button>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
      </Group>
    </form>
  );
}

type Match = NonNullable<NonNullable<NewTrigger['event']>['match']>;

function timeZones(own: string): string[] {
  return [...new Set(['UTC', own, ...Intl.supportedValuesOf('timeZone')])];
}
