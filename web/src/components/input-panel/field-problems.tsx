import { Alert, UnstyledButton } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';

import classes from '@/components/input-panel/field-problems.module.css';
import { singular, titleOf } from '@/lib/json-schema/titles';

interface FieldProblemsProps {
  errors: ReadonlyMap<string, string>;
  /** Leads to the field; without it the places are only named. */
  onGoTo?: ((path: string) => void) | undefined;
}

/** Every fault of the input in one place, since a long form hides the fields they stand at; takes the focus when it appears. */
export function FieldProblems({ errors, onGoTo }: FieldProblemsProps) {
  const summary = useRef<HTMLDivElement>(null);
  useEffect(() => summary.current?.focus(), []);
  return (
    <Alert
      ref={summary}
      tabIndex={-1}
      className={classes.summary}
      color="red"
      role="alert"
      icon={<IconAlertTriangle />}
      title={errors.size === 1 ? 'One field needs attention' : `${errors.size} fields need attention`}
    >
      <ul className={classes.list}>
        {[...errors].map(([path, message]) => (
          <li key={path}>
            {path && onGoTo && (
              <UnstyledButton className={classes.place} onClick={() => onGoTo(path)}>
                {placeInWords(path)}:
              </UnstyledButton>
            )}
            {path && !onGoTo && <span className={classes.place}>{placeInWords(path)}:</span>} {message}
          </li>
        ))}
      </ul>
    </Alert>
  );
}

/** `lines.0.quantity` → "Line 1, quantity". */
function placeInWords(path: string): string {
  const words: string[] = [];
  for (const step of path.split('.')) {
    if (/^\d+$/.test(step) && words.length > 0) words.push(`${singular(words.pop() ?? '')} ${Number(step) + 1}`);
    else words.push(titleOf(step));
  }
  return words.map((word, index) => (index === 0 ? word : word.charAt(0).toLowerCase() + word.slice(1))).join(', ');
}
