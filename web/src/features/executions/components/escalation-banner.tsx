import { IconUserExclamation } from '@tabler/icons-react';

import type { Execution } from '@/features/executions/api/get-execution';
import classes from '@/features/executions/components/escalation-banner.module.css';

/** What the agent leaves to a person: the rule that was met, and why. The answer below is a proposal then. */
export function EscalationBanner({ escalation }: { escalation: NonNullable<Execution['escalation']> }) {
  return (
    <div role="note" aria-label="A person must decide" className={classes.banner}>
      <IconUserExclamation className={classes.icon} size={22} stroke={1.75} aria-hidden="true" />
      <p className={classes.title}>A person must decide</p>
      <dl className={classes.words}>
        <div>
          <dt>Rule</dt>
          <dd>{escalation.rule}</dd>
        </div>
        <div>
          <dt>Reason</dt>
          <dd>{escalation.reason}</dd>
        </div>
      </dl>
    </div>
  );
}
