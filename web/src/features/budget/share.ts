import type { Budget } from '@/features/budget/api/get-budget';

/** From these shares of the ceiling on, the reader should know. */
const HIGH = 0.75;
const ALMOST_ALL = 0.95;

/** How much of the ceiling is gone, what runs under way may still cost included: 0 to 1, and how that is to be taken. */
export function shareOf({ ceiling_usd, spent_usd, reserved_usd }: Budget) {
  const gone = spent_usd + reserved_usd;
  const share = ceiling_usd > 0 ? Math.min(1, gone / ceiling_usd) : 1;
  return { share, level: share >= ALMOST_ALL ? 'almost-all' : share >= HIGH ? 'high' : 'low' } as const;
}
