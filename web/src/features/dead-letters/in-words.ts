import type { Source, State } from '@/features/dead-letters/api/dead-letters';

/** Whose work failed. */
export const SOURCES: Record<Source, string> = {
  'relay-bus': 'Relay to the event bus',
  'relay-kafka': 'Relay to Kafka',
  projections: 'Projections',
  webhooks: 'Webhooks',
  tracking: 'Tracking of runs',
  triggers: 'Triggers',
  mails: 'Mails to people',
  'personal-data': 'Exports and erasures',
};

export const STATES: Record<State, { label: string; color: string }> = {
  open: { label: 'Open', color: 'red' },
  redriven: { label: 'Redriven', color: 'pine' },
  discarded: { label: 'Discarded', color: 'gray' },
};

export function sourceInWords(source: string): string {
  return source in SOURCES ? SOURCES[source as Source] : source;
}

/** What an address says; anything that it should not say is left out. */
export function readFilter({ state, source }: Record<string, unknown>): {
  state?: State | undefined;
  source?: Source | undefined;
} {
  return {
    state: state === 'redriven' || state === 'discarded' ? state : undefined,
    source: typeof source === 'string' && source in SOURCES ? (source as Source) : undefined,
  };
}
