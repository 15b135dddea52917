import { Alert, UnstyledButton } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';

import classes from '@/features/workflows/components/spec-editor.module.css';
import { lineOfField } from '@/features/workflows/place-of-fault';
import type { ApiProblem } from '@/lib/api/problem';

interface SpecFaultsProps {
  problem: ApiProblem;
  source: string;
  onGoTo: (line: number) => void;
}

/** Every fault of a spec by step and field; each leads to its line. */
export function SpecFaults({ problem, source, onGoTo }: SpecFaultsProps) {
  const { fields } = problem;
  return (
    <Alert
      color="red"
      role="alert"
      icon={<IconAlertTriangle />}
      title={fields.length === 1 ? 'One fault' : fields.length > 1 ? `${fields.length} faults` : problem.title}
    >
      {fields.length === 0 && problem.message}
      <ul className={classes.faults}>
        {fields.map(({ field, message }) => {
          const line = lineOfField(source, field);
          return (
            <li key={`${field} ${message}`}>
              {line === null ? (
                <code>{field}</code>
              ) : (
                <UnstyledButton className={classes.place} onClick={() => onGoTo(line)}>
                  <code>{field}</code> (line {line})
                </UnstyledButton>
              )}
              <span className={classes.message}>{message}</span>
            </li>
          );
        })}
      </ul>
    </Alert>
  );
}
