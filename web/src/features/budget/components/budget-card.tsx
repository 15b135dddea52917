import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { getBudgetOptions } from '@/features/budget/api/get-budget';
import { BudgetFacts } from '@/features/budget/components/budget-facts';
import classes from '@/features/budget/components/budget.module.css';

/** This month's budget on a surface of its own. Without an answer: nothing. */
export function BudgetCard() {
  const budget = useQuery(getBudgetOptions);
  if (budget.isError && !budget.data) return null;
  return (
    <section aria-label="Budget" className={classes.card}>
      {budget.data ? <BudgetFacts budget={budget.data} /> : <Skeleton height={68} />}
    </section>
  );
}
