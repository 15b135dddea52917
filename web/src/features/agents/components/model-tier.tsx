import { Tooltip } from '@mantine/core';

import classes from '@/features/agents/components/model-tier.module.css';

const TIERS = {
  fast: { label: 'Fast', bars: 1, meaning: 'Fast tier: the quickest and cheapest model.' },
  balanced: { label: 'Balanced', bars: 2, meaning: 'Balanced tier: good judgement at a moderate cost.' },
  deep: { label: 'Deep', bars: 3, meaning: 'Deep tier: the most capable model, slower and dearer.' },
} as const;

/** How much model an agent uses, as one to three bars with a word. */
export function ModelTier({ tier }: { tier: keyof typeof TIERS }) {
  const { label, bars, meaning } = TIERS[tier];
  return (
    <Tooltip label={meaning}>
      <span className={classes.tier}>
        <span className={classes.bars} aria-hidden="true">
          {[1, 2, 3].map((bar) => (
            <span key={bar} data-on={bar <= bars || undefined} />
          ))}
        </span>
        {label}
      </span>
    </Tooltip>
  );
}
