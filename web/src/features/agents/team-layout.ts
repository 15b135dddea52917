import type { components } from '@/lib/api/schema';

export type TeamMode = components['schemas']['Team']['mode'];

interface Point {
  x: number;
  y: number;
}

/** Where everybody stands: the members in order, the agent that leads them, where the task comes in, and who talks to whom. */
export interface TeamLayout {
  width: number;
  height: number;
  members: Point[];
  lead: Point;
  task?: Point;
  links: { from: Point; to: Point; isOneWay: boolean }[];
}

/** Pixels from one to the next, and to the edge. */
const STEP = 48;
const EDGE = 18;

/** How `count` members work together, as places in a small picture (pixels). */
export function teamLayout(mode: TeamMode, count: number): TeamLayout {
  return { sequential: inARow, parallel: fannedOut, supervisor: aroundTheLead, debate: inACircle }[mode](count);
}

function inARow(count: number): TeamLayout {
  const stops = Array.from({ length: count + 1 }, (_, place) => ({ x: EDGE + place * STEP, y: EDGE }));
  const links = stops.slice(1).map((to, place) => oneWay(stops[place] ?? to, to));
  return {
    width: 2 * EDGE + count * STEP,
    height: 2 * EDGE,
    members: stops.slice(0, count),
    lead: stops[count] ?? { x: 0, y: 0 },
    links,
  };
}

function fannedOut(count: number): TeamLayout {
  const row = 32;
  const members = Array.from({ length: count }, (_, place) => ({ x: EDGE + 1.5 * STEP, y: EDGE + place * row }));
  const middle = EDGE + ((count - 1) * row) / 2;
  const task = { x: EDGE, y: middle };
  const lead = { x: EDGE + 3 * STEP, y: middle };
  return {
    width: 2 * EDGE + 3 * STEP,
    height: 2 * EDGE + (count - 1) * row,
    members,
    lead,
    task,
    links: members.flatMap((member) => [oneWay(task, member), oneWay(member, lead)]),
  };
}

function aroundTheLead(count: number): TeamLayout {
  const reach = STEP + Math.max(0, count - 5) * 5;
  const lead = { x: EDGE + reach, y: EDGE + reach };
  const members = circle(lead, reach, count);
  return {
    width: 2 * lead.x,
    height: 2 * lead.y,
    members,
    lead,
    links: members.map((member) => ({ from: lead, to: member, isOneWay: false })),
  };
}

function inACircle(count: number): TeamLayout {
  const reach = count === 2 ? 28 : 34 + Math.max(0, count - 4) * 5;
  const middle = { x: EDGE + reach, y: EDGE + reach };
  const members = circle(middle, reach, count);
  const lead = { x: middle.x + reach + 1.5 * STEP, y: middle.y };
  const talk = members.flatMap((from, place) => members.slice(place + 1).map((to) => ({ from, to, isOneWay: false })));
  const verdict = oneWay({ x: middle.x + reach + (count === 2 ? -reach : 0), y: middle.y }, lead);
  return { width: lead.x + EDGE, height: 2 * middle.y, members, lead, links: [...talk, verdict] };
}

function circle(middle: Point, reach: number, count: number): Point[] {
  return Array.from({ length: count }, (_, place) => {
    const angle = (place / count) * 2 * Math.PI - Math.PI / 2;
    return { x: middle.x + reach * Math.cos(angle), y: middle.y + reach * Math.sin(angle) };
  });
}

function oneWay(from: Point, to: Point) {
  return { from, to, isOneWay: true };
}
