import type { RunSummary } from '@/features/runs/api/list-runs';

/** The name that the reader gave a run; what else starts runs names them for itself. */
export function nameOfRun({ name, source }: RunSummary): string | null {
  return source.kind === 'api' ? (name ?? null) : null;
}

/** What started a run, where that was not the reader; null where it was. */
export function sourceInWords({ kind }: RunSummary['source']): string | null {
  if (kind === 'schedule') return 'Started by a schedule';
  if (kind === 'event') return 'Started after an event';
  return kind === 'workflow' ? 'Step of another run' : null;
}
