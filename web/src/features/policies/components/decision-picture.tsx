import { Text } from '@mantine/core';
import { IconArrowRight, IconBan, IconCheck, IconShieldCheck, IconShieldX, IconX } from '@tabler/icons-react';

import type { Explanation } from '@/features/policies/api/policies';
import classes from '@/features/policies/components/decision-picture.module.css';
import { CHECKS } from '@/features/policies/in-words';

/** A decision as the way through its checks, to the gate that opens or does not. */
export function DecisionPicture({ explanation }: { explanation: Explanation }) {
  const { allowed, checks, reasons, version } = explanation;
  const Gate = allowed ? IconShieldCheck : IconShieldX;
  return (
    <div className={classes.picture} data-allowed={allowed || undefined}>
      <ol className={classes.way} aria-label="What was looked at">
        {checks.map(({ check, passed, by }) => (
          <li key={check} className={classes.check} data-passed={passed || undefined}>
            <span className={classes.sign}>
              {passed ? <IconCheck size={16} aria-label="yes" /> : <IconX size={16} aria-label="no" />}
            </span>
            <span>
              {CHECKS[check]}
              {by.map((name) => (
                <code key={name} className={classes.by}>
                  {name}
                </code>
              ))}
            </span>
            <IconArrowRight size={16} className={classes.arrow} aria-hidden />
          </li>
        ))}
        <li className={classes.gate}>
          <Gate size={28} aria-hidden />
          <strong>{allowed ? 'Allowed' : 'Denied'}</strong>
        </li>
      </ol>
      {!allowed && (
        <ul className={classes.reasons}>
          {reasons.map((reason) => (
            <li key={reason}>
              <IconBan size={16} aria-hidden />
              {reason}
            </li>
          ))}
        </ul>
      )}
      <Text size="xs" c="dimmed">
        Policy {version}
        {explanation.next && explanation.next.allowed !== allowed && (
          <>
            {' · '}the next one ({explanation.next.version}) would {explanation.next.allowed ? 'allow' : 'deny'} it
          </>
        )}
      </Text>
    </div>
  );
}
