import { describe, expect, it } from 'vitest';

import type { Graph, GraphNode } from '@/components/workflow-graph/graph';
import { type PlacedNode, pictureOf } from '@/components/workflow-graph/layout';

const node = (id: string, more: Partial<GraphNode> = {}): GraphNode => ({ id, kind: 'transform', title: id, ...more });
const chain = (...ids: string[]) => ids.slice(1).map((target, at) => ({ source: ids[at] ?? '', target }));

/** A choice inside a loop, and a jump over it. */
const NESTED: Graph = {
  nodes: [
    node('first'),
    node('again', { kind: 'loop' }),
    node('which', { kind: 'choice', parent: 'again' }),
    node('left', { parent: 'which', group: 'score ≥ 8' }),
    node('right', { parent: 'which', group: 'otherwise' }),
    node('last'),
  ],
  edges: [
    ...chain('first', 'again', 'which', 'left'),
    { source: 'which', target: 'right', label: 'otherwise' },
    { source: 'left', target: 'last', label: 'done' },
    { source: 'right', target: 'last', label: 'done' },
    { source: 'right', target: 'again', label: 'again' },
    { source: 'first', target: 'last', label: 'on error' },
  ],
};

const contains = (outer: PlacedNode, inner: PlacedNode) =>
  outer.x <= inner.x &&
  outer.y <= inner.y &&
  outer.x + outer.width >= inner.x + inner.width &&
  outer.y + outer.height >= inner.y + inner.height;

const overlap = (one: PlacedNode, other: PlacedNode) =>
  one.x < other.x + other.width &&
  other.x < one.x + one.width &&
  one.y < other.y + other.height &&
  other.y < one.y + one.height;

describe('the picture of a workflow', () => {
  it('keeps each step inside the one that holds it, and apart from its neighbours', () => {
    const { nodes, width, height } = pictureOf(NESTED);
    const placed = new Map(nodes.map((one) => [one.node.id, one]));
    expect(placed.size).toBe(NESTED.nodes.length);
    for (const one of nodes) {
      const holder = placed.get(one.node.parent ?? '');
      if (holder) expect(contains(holder, one), `${one.node.id} in ${holder.node.id}`).toBe(true);
      for (const other of nodes) {
        if (other !== one && other.node.parent === one.node.parent) {
          expect(overlap(one, other), `${one.node.id} and ${other.node.id}`).toBe(false);
        }
      }
      expect(one.x + one.width).toBeLessThanOrEqual(width);
      expect(one.y + one.height).toBeLessThanOrEqual(height);
    }
  });

  it('names the cases side by side', () => {
    const { lanes } = pictureOf(NESTED);
    expect(lanes.map(({ label }) => label)).toEqual(['score ≥ 8', 'otherwise']);
    expect(lanes[0]?.y).toBe(lanes[1]?.y);
  });

  it('draws what leaves a frame from its border, once, with the label that all of it shares', () => {
    const { edges } = pictureOf(NESTED);
    expect(edges.map(({ source, target, label }) => [source, target, label?.text])).toEqual([
      ['first', 'again', undefined],
      ['again', 'last', 'done'],
      ['first', 'last', 'on error'],
    ]);
  });

  it('leads downwards', () => {
    const { nodes } = pictureOf(NESTED);
    const top = (id: string) => nodes.find((one) => one.node.id === id)?.y ?? NaN;
    expect(top('first')).toBeLessThan(top('again'));
    expect(top('again')).toBeLessThan(top('last'));
  });

  it('says when a way is taken only if every way to the same place says so', () => {
    const graph = {
      nodes: [node('size', { kind: 'choice' }), node('large', { parent: 'size', group: 'large' }), node('pay')],
      edges: [...chain('size', 'large', 'pay'), { source: 'size', target: 'pay', label: 'otherwise' }],
    };
    expect(pictureOf(graph).edges).toMatchObject([{ source: 'size', target: 'pay', label: null }]);
  });

  it('copes with a hundred steps, and with an edge to a step that is not there', () => {
    const ids = Array.from({ length: 100 }, (_, at) => `s${at}`);
    const graph = { nodes: ids.map((id) => node(id)), edges: [...chain(...ids), { source: 's1', target: 'gone' }] };
    expect(pictureOf(graph).nodes).toHaveLength(100);
    expect(pictureOf(graph).edges).toHaveLength(99);
    expect(pictureOf({ nodes: [], edges: [] })).toMatchObject({ nodes: [], edges: [] });
  });
});
