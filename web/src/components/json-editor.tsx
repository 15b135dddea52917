import { JsonInput } from '@mantine/core';
import { useState } from 'react';

import type { Json } from '@/lib/json-schema/types';

interface JsonEditorProps {
  label: string;
  value: Json | undefined;
  onChange: (value: Json) => void;
  onBroken: (isBroken: boolean) => void;
  minRows?: number;
  /** Rows after which it scrolls; without it, it grows with its text. */
  maxRows?: number;
}

/** A value as JSON text. What is not JSON yet stays in the editor and is reported as broken. */
export function JsonEditor({ label, value, onChange, onBroken, minRows = 12, maxRows }: JsonEditorProps) {
  const [draft, setDraft] = useState<{ text: string; value: Json | undefined }>(() => ({
    text: written(value),
    value,
  }));
  // Set from outside, by "Back to the example" for instance: show that.
  if (draft.value !== value) setDraft({ text: written(value), value });
  const [isBroken, setBroken] = useState(false);

  function edit(text: string) {
    let parsed: Json | undefined;
    try {
      parsed = JSON.parse(text) as Json;
    } catch {
      parsed = undefined;
    }
    const broken = parsed === undefined;
    setDraft({ text, value: parsed ?? value });
    setBroken(broken);
    onBroken(broken);
    if (parsed !== undefined) onChange(parsed);
  }

  return (
    <JsonInput
      aria-label={label}
      value={draft.text}
      onChange={edit}
      error={isBroken ? 'This is not JSON yet.' : undefined}
      autosize
      minRows={minRows}
      {...(maxRows ? { maxRows } : {})}
      spellCheck={false}
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: '0.8125rem', lineHeight: 1.6 } }}
    />
  );
}

function written(value: Json | undefined): string {
  return JSON.stringify(value ?? {}, null, 2);
}
