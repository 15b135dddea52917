import { Progress } from '@mantine/core';

import type { Batch } from '@/features/batches/api/get-batch';
import { formatCount } from '@/lib/format';

/** How far a batch is: what succeeded, what failed, what is being run. */
export function BatchBar({ counts, size }: { counts: Batch['counts']; size: 'sm' | 'lg' }) {
  const total = Math.max(1, counts.total);
  const part = (count: number) => (count / total) * 100;
  return (
    <Progress.Root
      size={size}
      role="img"
      aria-label={`${formatCount(counts.succeeded + counts.failed)} of ${formatCount(counts.total)} done, ${formatCount(counts.failed)} of them failed`}
    >
      <Progress.Section withAria={false} value={part(counts.succeeded)} />
      <Progress.Section withAria={false} value={part(counts.failed)} color="red" />
      <Progress.Section withAria={false} value={part(counts.running)} color="yellow.4" striped animated />
    </Progress.Root>
  );
}
