import { Select, TextInput } from '@mantine/core';
import { useState } from 'react';

import type { AuditFilter } from '@/features/audit/api/audit';
import classes from '@/features/audit/components/audit.module.css';

interface AuditFiltersProps {
  filter: AuditFilter;
  onChange: (filter: AuditFilter) => void;
}

const TYPES = ['agent.executed', 'workflow.started', 'workflow.completed', 'workflow.failed'];

/** Narrows the log by what happened, to what and whom, and when. */
export function AuditFilters({ filter, onChange }: AuditFiltersProps) {
  const { from, to } = filter;
  return (
    <div className={classes.filters} role="group" aria-label="Filters">
      <Select
        label="Event"
        placeholder="Any event"
        data={TYPES}
        value={filter.type ?? null}
        onChange={(type) => onChange({ ...filter, type: type ?? undefined })}
        clearable
      />
      <Typed
        key={`subject ${filter.subject ?? ''}`}
        label="Agent or run"
        placeholder="Its id"
        value={filter.subject}
        onChange={(subject) => onChange({ ...filter, subject })}
      />
      <Typed
        key={`owner ${filter.owner ?? ''}`}
        label="User"
        placeholder="Their id"
        value={filter.owner}
        onChange={(owner) => onChange({ ...filter, owner })}
      />
      <TextInput
        type="date"
        label="From (UTC)"
        value={from ?? ''}
        {...(to ? { max: to } : {})}
        onChange={({ currentTarget: { value } }) => onChange({ ...filter, from: value || undefined })}
      />
      <TextInput
        type="date"
        label="To, whole day"
        value={to ?? ''}
        {...(from ? { min: from } : {})}
        onChange={({ currentTarget: { value } }) => onChange({ ...filter, to: value || undefined })}
      />
    </div>
  );
}

interface TypedProps {
  label: string;
  placeholder: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}

/** Tells what was typed when it is left or Enter is pressed. */
function Typed({ label, placeholder, value = '', onChange }: TypedProps) {
  const [text, setText] = useState(value);
  const tell = () => {
    if (text.trim() !== value) onChange(text.trim() || undefined);
  };
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      maxLength={500}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={tell}
      onKeyDown={({ key }) => {
        if (key === 'Enter') tell();
      }}
    />
  );
}
