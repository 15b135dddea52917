import type { components } from '@/lib/api/schema';

export type Graph = components['schemas']['Graph'];
export type GraphNode = Graph['nodes'][number];
export type StepStatus = components['schemas']['StepView']['status'];

/** How a step stands in a run, and what else is worth a word beside it: "7 of 12". */
export interface StepState {
  status: StepStatus;
  note?: string | undefined;
}

/** Steps side by side inside a step: a branch, a case; without a label where the step holds one list only. */
export interface Lane {
  label: string | null;
  nodes: GraphNode[];
}

/** The steps that a step holds (null: the outermost ones), in their order, by branch or case. */
export function lanesOf(graph: Graph, parent: string | null): Lane[] {
  const lanes = new Map<string | null, Lane>();
  for (const node of graph.nodes) {
    if ((node.parent ?? null) !== parent) continue;
    const label = node.group ?? null;
    const lane = lanes.get(label) ?? { label, nodes: [] };
    lane.nodes.push(node);
    lanes.set(label, lane);
  }
  return [...lanes.values()];
}

/** Whether a node only marks where a workflow begins or ends. */
export function isTerminal({ kind }: GraphNode): boolean {
  return kind === 'start' || kind === 'end';
}
