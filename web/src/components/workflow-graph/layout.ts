import { Graph as Sheet, layout } from '@dagrejs/dagre';

import { type Graph, type GraphNode, isTerminal, lanesOf } from '@/components/workflow-graph/graph';

interface Point {
  x: number;
  y: number;
}

interface Box extends Point {
  width: number;
  height: number;
}

/** A step with its place; a step that holds others is the frame around them. */
export interface PlacedNode extends Box {
  node: GraphNode;
  isFrame: boolean;
}

export interface PlacedLane extends Box {
  label: string;
}

export interface PlacedEdge {
  source: string;
  target: string;
  /** A path for SVG. */
  path: string;
  label: (Point & { text: string }) | null;
}

/** A picture in CSS pixels, from the left upper corner. */
export interface Picture {
  width: number;
  height: number;
  nodes: PlacedNode[];
  lanes: PlacedLane[];
  edges: PlacedEdge[];
}

const STEP = { width: 224, height: 56 };
const TERMINAL = { width: 72, height: 28 };
const FRAME_HEAD = 44;
const FRAME_WIDTH = 288;
const FRAME_PADDING = 14;
const LANE_GAP = 14;
const LANE_LABEL = 26;
const LANE_PADDING = 10;
const BETWEEN_STEPS = 28;
const BETWEEN_RANKS = 36;
const LABEL_HEIGHT = 20;
const CHARACTER = 6.4;
const LONGEST_LABEL = 180;

/** Places the steps from top to bottom, and those that a step holds inside it. */
export function pictureOf(graph: Graph): Picture {
  return listPicture(
    graph,
    lanesOf(graph, null).flatMap((lane) => lane.nodes),
  );
}

/** One list of steps in layers; edges that lead into or out of a frame end at its border. */
function listPicture(graph: Graph, nodes: readonly GraphNode[]): Picture {
  const sheet = new Sheet({ multigraph: false });
  sheet.setGraph({ rankdir: 'TB', nodesep: BETWEEN_STEPS, ranksep: BETWEEN_RANKS, edgesep: 16 });
  const inner = new Map<string, Picture>();
  for (const node of nodes) {
    const frame = framePicture(graph, node);
    if (frame) inner.set(node.id, frame);
    sheet.setNode(node.id, { ...(frame ? sizeOf(frame) : isTerminal(node) ? TERMINAL : STEP) });
  }
  const links = linksAmong(graph, nodes);
  for (const { source, target, label } of links) {
    const size = label ? { width: labelWidth(label), height: LABEL_HEIGHT, labelpos: 'c' as const } : {};
    sheet.setEdge(source, target, size);
  }
  layout(sheet);

  const boxes = new Map<string, Box>();
  for (const node of nodes) {
    const { x, y, width, height } = sheet.node(node.id) as Box;
    boxes.set(node.id, { x: x - width / 2, y: y - height / 2, width, height });
  }
  const picture: Picture = { width: 0, height: 0, nodes: [], lanes: [], edges: [] };
  for (const node of nodes) {
    const box = boxes.get(node.id);
    if (!box) continue;
    const frame = inner.get(node.id);
    picture.nodes.push({ ...box, node, isFrame: frame !== undefined });
    if (frame) add(picture, frame, box);
    picture.width = Math.max(picture.width, box.x + box.width);
    picture.height = Math.max(picture.height, box.y + box.height);
  }
  for (const { source, target, label } of links) {
    const [from, to] = [boxes.get(source), boxes.get(target)];
    if (!from || !to) continue;
    const { points = [], x, y } = sheet.edge(source, target) as { points?: Point[]; x?: number; y?: number };
    picture.edges.push({
      source,
      target,
      path: curve([
        { x: from.x + from.width / 2, y: from.y + from.height },
        ...points.slice(1, -1),
        { x: to.x + to.width / 2, y: to.y },
      ]),
      label: label && x !== undefined && y !== undefined ? { text: label, x, y } : null,
    });
    for (const point of points) picture.width = Math.max(picture.width, point.x + 8);
    if (label && x !== undefined) picture.width = Math.max(picture.width, x + labelWidth(label) / 2);
  }
  return picture;
}

/** What a step holds, with its lanes side by side under the step's own line; null where it holds nothing. */
function framePicture(graph: Graph, { id }: GraphNode): Picture | null {
  const lanes = lanesOf(graph, id);
  if (lanes.length === 0) return null;
  const picture: Picture = { width: FRAME_PADDING, height: 0, nodes: [], lanes: [], edges: [] };
  for (const { label, nodes } of lanes) {
    const list = listPicture(graph, nodes);
    const padding = label === null ? 0 : LANE_PADDING;
    const head = label === null ? 0 : LANE_LABEL;
    const at = { x: picture.width + padding, y: FRAME_HEAD + head };
    add(picture, list, at);
    const [width, height] = [list.width + 2 * padding, head + list.height + padding];
    if (label !== null) picture.lanes.push({ label, x: picture.width, y: FRAME_HEAD, width, height });
    picture.width += width + LANE_GAP;
    picture.height = Math.max(picture.height, FRAME_HEAD + height + FRAME_PADDING);
  }
  picture.width += FRAME_PADDING - LANE_GAP;
  if (picture.width < FRAME_WIDTH) return centred(picture, FRAME_WIDTH);
  for (const lane of picture.lanes) lane.height = picture.height - FRAME_HEAD - FRAME_PADDING;
  return picture;
}

/** The same in a wider frame; its lanes grow with it. */
function centred(picture: Picture, width: number): Picture {
  const aside = (width - picture.width) / 2;
  const wide: Picture = { width, height: picture.height, nodes: [], lanes: [], edges: [] };
  add(wide, picture, { x: aside, y: 0 });
  return wide;
}

interface Link {
  source: string;
  target: string;
  label: string | null;
}

/** The edges of the graph as seen among these nodes: for a step that a frame holds the frame stands in. */
function linksAmong(graph: Graph, nodes: readonly GraphNode[]): Link[] {
  const here = new Set(nodes.map(({ id }) => id));
  const parents = new Map(graph.nodes.map(({ id, parent }) => [id, parent ?? null]));
  const lifted = (id: string | null): string | null =>
    id === null || here.has(id) ? id : lifted(parents.get(id) ?? null);
  const links = new Map<string, Link>();
  for (const edge of graph.edges) {
    const [source, target] = [lifted(edge.source), lifted(edge.target)];
    if (source === null || target === null || source === target) continue;
    const known = links.get(`${source} ${target}`);
    // Several ways to the same place are one line. It says when it is taken only if each of them does.
    const own = edge.label ?? null;
    const both = known && known.label !== own ? known.label && own && `${known.label} · ${own}` : own;
    links.set(`${source} ${target}`, { source, target, label: both });
  }
  return [...links.values()];
}

/** Puts a smaller picture into a larger one. */
function add(picture: Picture, part: Picture, at: Point): void {
  const move = <Placed extends Point>(placed: Placed): Placed => ({
    ...placed,
    x: placed.x + at.x,
    y: placed.y + at.y,
  });
  picture.nodes.push(...part.nodes.map(move));
  picture.lanes.push(...part.lanes.map(move));
  picture.edges.push(
    ...part.edges.map((edge) => ({
      ...edge,
      path: movedPath(edge.path, at),
      label: edge.label && move(edge.label),
    })),
  );
}

/** Leaves each point straight downwards and enters the next from straight above. */
function curve([first, ...rest]: Point[]): string {
  if (!first) return '';
  let before = first;
  return rest.reduce((path, point) => {
    const middle = (before.y + point.y) / 2;
    const bend = `C${before.x},${middle} ${point.x},${middle} ${point.x},${point.y}`;
    before = point;
    return `${path} ${bend}`;
  }, `M${first.x},${first.y}`);
}

function movedPath(path: string, { x, y }: Point): string {
  return path.replace(
    /(-?[\d.]+),(-?[\d.]+)/g,
    (_, left: string, top: string) => `${Number(left) + x},${Number(top) + y}`,
  );
}

export function labelWidth(label: string): number {
  return Math.min(LONGEST_LABEL, Math.ceil(label.length * CHARACTER) + 16);
}

function sizeOf({ width, height }: Picture) {
  return { width, height };
}
