import { Button, SegmentedControl, Text } from '@mantine/core';
import { getHotkeyHandler } from '@mantine/hooks';
import { IconPlayerPlayFilled } from '@tabler/icons-react';
import { useCallback, useId, useState } from 'react';

import { JsonEditor } from '@/components/json-editor';
import { Panel } from '@/components/panel';
import { SchemaForm } from '@/components/schema-form/schema-form';
import { FieldProblems } from '@/features/executions/components/field-problems';
import { useInputErrors } from '@/features/executions/components/use-input-errors';
import type { components } from '@/lib/api/schema';
import { complete, missing, withValueAt } from '@/lib/json-schema/fill';
import { isObject, type Json, type JsonObject, type Path, type Schema } from '@/lib/json-schema/types';

interface InputPanelProps {
  agent: components['schemas']['AgentInfo'];
  title?: string;
  /** What the button says. */
  action?: string;
  /** What the form begins with; the agent's example otherwise. */
  start?: JsonObject | undefined;
  problem: Error | null;
  isRunning: boolean;
  onRun: (input: JsonObject) => void;
  /** Whether a run for the background is being handed over. */
  isAccepting?: boolean;
  onRunInBackground?: (input: JsonObject) => void;
}

/** The input as a form or as JSON, filled with the agent's example. */
export function InputPanel({
  agent,
  title = 'Input',
  action = 'Run',
  start,
  problem,
  isRunning,
  onRun,
  isAccepting = false,
  onRunInBackground,
}: InputPanelProps) {
  const schema = agent.input as Schema;
  const example = agent.example.input as JsonObject;
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
            {isExample ? (
              <Text size="xs" c="dimmed">
                Filled with the agent’s example
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
