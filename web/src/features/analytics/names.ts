import type { ComponentType } from 'react';

/** What the catalogue calls agents and groups; analytics know them by their ids. */
export interface Names {
  AgentName: ComponentType<{ id: string }>;
  groupName: (id: string) => string;
}
