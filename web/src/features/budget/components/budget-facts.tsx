import { Progress } from '@mantine/core';

import type { Budget } from '@/features/budget/api/get-budget';
import classes from '@/features/budget/components/budget.module.css';
import { shareOf } from '@/features/budget/share';
import { formatDay, formatMonth, formatUsd } from '@/lib/format';

const COLOURS = { low: 'pine', high: 'yellow.6', 'almost-all': 'red' } as const;

/** A month's budget in figures: what is spent, what runs under way may still cost, what is left, and until when. */
export function BudgetFacts({ budget }: { budget: Budget }) {
  const { share, level } = shareOf(budget);
  return (
    <div className={classes.facts}>
      <div className={classes.line}>
        <span className={classes.title}>Budget for {formatMonth(budget.period)}</span>
        <span className={classes.figure}>
          {formatUsd(budget.spent_usd)} <small>of {formatUsd(budget.ceiling_usd)}</small>
        </span>
      </div>
      <Progress
        value={share * 100}
        color={COLOURS[level]}
        size="sm"
        aria-label={`${Math.round(share * 100)} % of the budget is used`}
      />
      <div className={classes.line}>
        <span>
          {formatUsd(budget.available_usd)} left
          {budget.reserved_usd > 0 && `, ${formatUsd(budget.reserved_usd)} held for runs under way`}
        </span>
        <span>Renewed on {formatDay(budget.ends_at)}</span>
      </div>
    </div>
  );
}
