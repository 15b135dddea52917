import type { components } from '@/lib/api/schema';

export type EventType = components['schemas']['NewWebhook']['events'][number];
type DeliveryState = components['schemas']['Delivery']['state'];

export const EVENT_TYPES: { value: EventType; label: string }[] = [
  { value: 'agent.executed', label: 'An agent was executed' },
  { value: 'workflow.started', label: 'A run of a workflow began' },
  { value: 'workflow.completed', label: 'A run succeeded' },
  { value: 'workflow.failed', label: 'A run failed or was stopped' },
];

export const DELIVERY_STATES: Record<DeliveryState, { label: string; color: string }> = {
  pending: { label: 'On its way', color: 'yellow' },
  delivered: { label: 'Delivered', color: 'pine' },
  failed: { label: 'Given up', color: 'red' },
  cancelled: { label: 'Not sent', color: 'gray' },
};
