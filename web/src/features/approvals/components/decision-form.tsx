import { Button, Text, Textarea } from '@mantine/core';
import { IconCheck, IconX } from '@tabler/icons-react';
import { useCallback, useId, useState } from 'react';

import { FieldProblems } from '@/components/input-panel/field-problems';
import { useInputErrors } from '@/components/input-panel/use-input-errors';
import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { SchemaForm } from '@/components/schema-form/schema-form';
import { useDecideApproval } from '@/features/approvals/api/decide-approval';
import type { Approval } from '@/features/approvals/api/get-approval';
import classes from '@/features/approvals/components/approval-record.module.css';
import { ApiProblem } from '@/lib/api/problem';
import { blank, complete, missing, withValueAt } from '@/lib/json-schema/fill';
import type { Json, JsonObject, Path, Schema } from '@/lib/json-schema/types';

const NO_FORM: Schema = {};

/** Approve, with what must be filled in for it, or reject; with a comment. */
export function DecisionForm({ approval }: { approval: Approval }) {
  const decide = useDecideApproval(approval.id);
  const schema = (approval.form ?? NO_FORM) as Schema;
  const [value, setValue] = useState<Json | undefined>(() => blank(schema, schema) ?? {});
  const [comment, setComment] = useState('');
  const [attempts, setAttempts] = useState(0);
  const idPrefix = `${useId()}-`;
  const { errors, forgetAt, startOver } = useInputErrors(decide.error, 'form');
  const isAboutFields = decide.error instanceof ApiProblem && decide.error.fields.length > 0;

  const change = useCallback(
    (path: Path, next: Json | undefined) => {
      setValue((before) => withValueAt(before, path, next));
      forgetAt(path);
    },
    [forgetAt],
  );

  function send(decision: 'approved' | 'rejected') {
    const words = comment.trim() ? { comment: comment.trim() } : {};
    if (decision === 'rejected' || approval.form === null) {
      startOver([]);
      decide.mutate({ decision, ...words });
      return;
    }
    const whole = (complete(value, schema, schema) ?? {}) as JsonObject;
    const gaps = missing(whole, schema, schema);
    startOver(gaps);
    setAttempts((count) => count + 1);
    if (gaps.length === 0) decide.mutate({ decision, form: whole, ...words });
  }

  return (
    <form onSubmit={(event) => event.preventDefault()} noValidate>
      <Panel
        title="Your decision"
        footer={
          <>
            <Button
              leftSection={<IconCheck size={16} stroke={2} aria-hidden="true" />}
              loading={decide.isPending && decide.variables.decision === 'approved'}
              disabled={decide.isPending}
              onClick={() => send('approved')}
            >
              Approve
            </Button>
            <Button
              variant="default"
              leftSection={<IconX size={16} stroke={2} aria-hidden="true" />}
              loading={decide.isPending && decide.variables.decision === 'rejected'}
              disabled={decide.isPending}
              onClick={() => send('rejected')}
            >
              Reject
            </Button>
            <Text size="xs" c="dimmed">
              The run goes on at once. A decision cannot be taken back.
            </Text>
          </>
        }
      >
        {decide.error && !isAboutFields && <ProblemAlert error={decide.error} title="It was not decided" />}
        {errors.size > 0 && (
          <FieldProblems
            key={attempts}
            errors={errors}
            onGoTo={(path) => document.getElementById(idPrefix + path)?.focus()}
          />
        )}
        {approval.form !== null && (
          <SchemaForm schema={schema} value={value} idPrefix={idPrefix} errors={errors} onChange={change} />
        )}
        <Textarea
          className={approval.form === null ? undefined : classes.comment}
          label="Comment"
          description="Optional; kept with the decision and passed on to the workflow."
          maxLength={2000}
          autosize
          minRows={3}
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
      </Panel>
    </form>
  );
}
