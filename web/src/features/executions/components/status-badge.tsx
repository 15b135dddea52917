import { Badge } from '@mantine/core';

export function StatusBadge({ status }: { status: 'succeeded' | 'failed' }) {
  return status === 'succeeded' ? <Badge>Succeeded</Badge> : <Badge color="red">Failed</Badge>;
}
