import { Progress } from '@mantine/core';

import type { components } from '@/lib/api/schema';
import { formatCount } from '@/lib/format';

interface BatchBarProps {
  counts: components['schemas']['BatchCounts'];
  size: 'sm' | 'lg';
}

/** How far a batch is: what succeeded, what failed, what is being run. */
export function BatchBar({ counts, size }: BatchBarProps) {
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
