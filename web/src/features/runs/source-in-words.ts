import type { RunSummary } from '@/features/runs/api/list-runs';

/** What started a run, where that was not the reader; null where it was. */
export function sourceInWords({ kind }: RunSummary['source']): string | null {
  if (kind === 'schedule') return 'Started by a schedule';
  if (kind === 'event') return 'Started after an event';
  return kind === 'workflow' ? 'Step of another run' : null;
}
