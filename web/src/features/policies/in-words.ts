import type { Check } from '@/features/policies/api/policies';

/** What a check asks. */
export const CHECKS: Record<Check['check'], string> = {
  role: 'A role allows it',
  agents_of_roles: 'for this agent',
  scope: 'The key has the scope',
  agents_of_key: 'The key is for this agent',
  denials: 'No rule denies it',
};

/** Actions that are done to an agent; for others it does not matter which one is chosen. */
export function isOfAgents(action: string): boolean {
  return action.startsWith('agents:');
}
