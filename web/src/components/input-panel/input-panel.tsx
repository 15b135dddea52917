import { Button, SegmentedControl, Text } from '@mantine/core';
import { getHotkeyHandler } from '@mantine/hooks';
import { IconPlayerPlayFilled } from '@tabler/icons-react';
import { type ReactNode, useCallback, useId, useState } from 'react';

import { JsonEditor } from '@/components/json-editor';
import { Panel } from '@/components/panel';
import { SchemaForm } from '@/components/schema-form/schema-form';
import { FieldProblems } from '@/components/input-panel/field-problems';
import { useInputErrors } from '@/components/input-panel/use-input-errors';
import { complete, missing, withValueAt } from '@/lib/json-schema/fill';
import { isObject, type Json, type JsonObject, type Path, type Schema } from '@/lib/json-schema/types';

interface InputPanelProps {
  schema: Schema;
  /** A realistic input; empty where none is known. */
  example: JsonObject;
  /** Whose example it is, in a word. */
  exampleOf?: string;
  title?: string;
  /** What the button says. */
  action?: string;
  /** What the form begins with; the example otherwise. */
  start?: JsonObject | undefined;
  problem: Error | null;
  isRunning: boolean;
  onRun: (input: JsonObject) => void;
  /** Whether a run for the background is being handed over. */
  isAccepting?: boolean;
  onRunInBackground?: (input: JsonObject) => void;
  /** What else is asked before it starts; stands above the fields. */
  children?: ReactNode;
}

/** The input of an agent or a workflow as a form or as JSON, filled with its example. */
export function InputPanel({
  schema,
  example,
  exampleOf = 'agent',
  title = 'Input',
  action = 'Run',
  start,
  problem,
  isRunning,
  onRun,
  isAccepting = false,
  onRunInBackground,
  children,
}: InputPanelProps) {
  const [value, setValue] = useState<Json | undefined>(start ?? example);
  const [mode, setMode] = useState<'form' | 'json'>('form');
  const [isBroken, setBroken] = useState(false);
  const [attempts, setAttempts] = useState(0);
  const idPrefix = `${useId()}-`;
  const { errors, forgetAt, startOver } = useInputErrors(problem);
  const isExample = value === example;

  const change = useCallback(
    (path: Path, next: Json | undefined) => {
      setValue((before) => withValueAt(before, path, next));
      forgetAt(path);
    },
    [forgetAt],
  );
  const replace = (next: Json | undefined) => change([], next);

  function check(start: (input: JsonObject) => void) {
    const whole = complete(value, schema, schema) ?? {};
    const gaps = missing(whole, schema, schema);
    setValue(isExample ? value : whole);
    startOver(gaps);
    setAttempts((count) => count + 1);
    if (gaps.length === 0 && isObject(whole)) start(whole);
  }

  return (
    // A run costs money, so Enter in a field does not start one; Ctrl or Cmd with Enter does.
    <form
      onSubmit={(event) => event.preventDefault()}
      onKeyDown={getHotkeyHandler([['mod+Enter', () => check(onRun)]])}
      noValidate
    >
      <Panel
        title={title}
        hasStickyFoot
        actions={
          <SegmentedControl
            size="xs"
            aria-label="How to fill in the input"
            data={[
              { value: 'form', label: 'Form' },
              { value: 'json', label: 'JSON' },
            ]}
            value={mode}
            onChange={(next) => setMode(next)}
            disabled={isBroken}
          />
        }
        footer={
          <>
            <Button
              onClick={() => check(onRun)}
              loading={isRunning}
              disabled={isBroken || isAccepting}
              leftSection={<IconPlayerPlayFilled size={14} />}
            >
              {action}
            </Button>
            {onRunInBackground && (
              <Button
                variant="default"
                onClick={() => check(onRunInBackground)}
                loading={isAccepting}
                disabled={isBroken || isRunning}
              >
                Run in background
              </Button>
            )}
            {Object.keys(example).length === 0 ? null : isExample ? (
              <Text size="xs" c="dimmed">
                Filled with the {exampleOf}’s example
              </Text>
            ) : (
              <Button variant="subtle" color="gray" size="compact-sm" onClick={() => replace(example)}>
                Back to the example
              </Button>
            )}
          </>
        }
      >
        {errors.size > 0 && (
          <FieldProblems
            key={attempts}
            errors={errors}
            onGoTo={mode === 'form' ? (path) => document.getElementById(idPrefix + path)?.focus() : undefined}
          />
        )}
        {children}
        {mode === 'form' ? (
          <SchemaForm
            schema={schema}
            value={value}
            sample={example}
            idPrefix={idPrefix}
            errors={errors}
            onChange={change}
          />
        ) : (
          <JsonEditor label="Input as JSON" value={value} onChange={replace} onBroken={setBroken} />
        )}
      </Panel>
    </form>
  );
}
