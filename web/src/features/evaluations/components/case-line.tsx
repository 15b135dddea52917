import { Text } from '@mantine/core';
import { IconCheck, IconX } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';

import type { CaseResult } from '@/features/evaluations/api/get-evaluation';
import classes from '@/features/evaluations/components/evaluations-panel.module.css';
import { titleOf } from '@/lib/json-schema/titles';

const KINDS = {
  schema: 'Output schema',
  expected: 'Expected',
  fact: 'Must be said',
  forbidden: 'Must not be said',
} as const;

/** One case: whether it passed and, where it did not, what the answer had instead. */
export function CaseLine({ result }: { result: CaseResult }) {
  const { checks } = result;
  const failed = checks.filter(({ passed }) => !passed);
  return (
    <li className={classes.case}>
      {result.passed ? (
        <IconCheck size={16} className={classes.passed} aria-label="Passed" />
      ) : (
        <IconX size={16} className={classes.failed} aria-label="Not passed" />
      )}
      <div>
        <span className={classes.name}>
          {result.execution_id ? (
            <Link to="/executions/$id" params={{ id: result.execution_id }}>
              {titleOf(result.case)}
            </Link>
          ) : (
            titleOf(result.case)
          )}
          <Text span size="xs" c="dimmed">
            {checks.length > 0 && `${checks.length - failed.length} of ${checks.length} checks`}
          </Text>
        </span>
        <Text size="sm" c="dimmed">
          {result.why}
        </Text>
        {result.error && <p className={classes.why}>{result.error.message}</p>}
        {failed.map((check) => (
          <p key={`${check.kind} ${check.wanted}`} className={classes.why}>
            {KINDS[check.kind]}: <code>{check.wanted}</code>
            {check.found && (
              <>
                , found <code>{check.found}</code>
              </>
            )}
          </p>
        ))}
        {result.verdict && (
          <Text size="sm">
            The judge: {result.verdict.verdict}. {result.verdict.reason}
          </Text>
        )}
        {result.unjudged && (
          <Text size="sm" c="dimmed">
            Not judged: {result.unjudged}
          </Text>
        )}
      </div>
    </li>
  );
}
