import { Popover, Tooltip, UnstyledButton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { getBudgetOptions } from '@/features/budget/api/get-budget';
import { BudgetFacts } from '@/features/budget/components/budget-facts';
import classes from '@/features/budget/components/budget.module.css';
import { shareOf } from '@/features/budget/share';
import { formatDay, formatUsd } from '@/lib/format';

const RADIUS = 8;
const LENGTH = 2 * Math.PI * RADIUS;

/** How much of this month's budget is spent, as a small ring that opens on the figures. Without an answer: nothing. */
export function BudgetMeter() {
  const { data: budget } = useQuery(getBudgetOptions);
  const [isOpen, setOpen] = useState(false);
  if (!budget) return null;
  const { share, level } = shareOf(budget);
  const spent = `${formatUsd(budget.spent_usd)} of ${formatUsd(budget.ceiling_usd)} spent`;
  return (
    <Popover
      opened={isOpen}
      onChange={setOpen}
      position="bottom-end"
      width={272}
      shadow="md"
      withRoles={false}
      hideDetached={false}
    >
      <Tooltip disabled={isOpen} label={`${spent}; renewed on ${formatDay(budget.ends_at)}`}>
        <Popover.Target>
          <UnstyledButton
            onClick={() => setOpen(!isOpen)}
            aria-expanded={isOpen}
            className={classes.meter}
            data-level={level}
            aria-label={`Budget: ${spent}`}
          >
            <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
              <circle cx="10" cy="10" r={RADIUS} className={classes.track} />
              <circle
                cx="10"
                cy="10"
                r={RADIUS}
                className={classes.arc}
                strokeDasharray={`${share * LENGTH} ${LENGTH}`}
                transform="rotate(-90 10 10)"
              />
            </svg>
          </UnstyledButton>
        </Popover.Target>
      </Tooltip>
      <Popover.Dropdown>
        <BudgetFacts budget={budget} />
      </Popover.Dropdown>
    </Popover>
  );
}
