/** What a key may be made for, as people read it. */
export const SCOPES: { title: string; scopes: { value: string; label: string }[] }[] = [
  {
    title: 'Agents',
    scopes: [
      { value: 'agents:read', label: 'Find agents and read what they are for' },
      { value: 'agents:execute', label: 'Execute agents' },
      { value: 'executions:read', label: 'Read executions and their results' },
      { value: 'batches:run', label: 'Run batches' },
      { value: 'sessions:use', label: 'Hold conversations' },
    ],
  },
  {
    title: 'Workflows',
    scopes: [
      { value: 'workflows:read', label: 'Read workflows and runs' },
      { value: 'workflows:run', label: 'Start, stop and retry runs' },
      { value: 'workflows:write', label: 'Write and publish workflows' },
      { value: 'triggers:manage', label: 'Manage schedules and other triggers' },
      { value: 'approvals:decide', label: 'Decide approvals' },
    ],
  },
  {
    title: 'Events and figures',
    scopes: [
      { value: 'webhooks:manage', label: 'Manage webhooks' },
      { value: 'analytics:read', label: 'Read analytics' },
      { value: 'budgets:read', label: 'Read my budget' },
      { value: 'metrics:read', label: 'Read metrics, for Prometheus' },
    ],
  },
  {
    title: 'Operations',
    scopes: [
      { value: 'audit:read', label: 'Read the audit log' },
      { value: 'dead-letters:manage', label: 'Handle dead letters' },
      { value: 'budgets:manage', label: 'Set budgets' },
      { value: 'policies:manage', label: 'Ask what others may do' },
    ],
  },
];

export const EXPIRIES = [
  { value: '7', label: '7 days' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '180', label: '180 days' },
  { value: '366', label: 'A year' },
];

export const GRACES = [
  { value: '0', label: 'At once' },
  { value: '1', label: 'In an hour' },
  { value: '24', label: 'In a day' },
];
