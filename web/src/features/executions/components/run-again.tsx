import { Button } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';

import { useCountdown } from '@/features/executions/components/use-countdown';
import { formatSeconds } from '@/lib/format';

interface RunAgainProps {
  /** Seconds to wait before. */
  after: number;
  onAgain: () => void;
}

/** The same once more, as soon as that can help. */
export function RunAgain({ after, onAgain }: RunAgainProps) {
  const left = useCountdown(after);
  return (
    <Button
      variant="default"
      size="xs"
      mt="md"
      leftSection={<IconRefresh size={14} aria-hidden="true" />}
      disabled={left > 0}
      onClick={onAgain}
      styles={{ label: { fontVariantNumeric: 'tabular-nums' } }}
    >
      {left > 0 ? `Try again in ${formatSeconds(left)}` : 'Try again'}
    </Button>
  );
}
