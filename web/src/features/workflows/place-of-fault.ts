/** Lines `from` to before `to`; what is written in braces may stand in the line `head`. */
interface Block {
  head: number;
  from: number;
  to: number;
}

/**
 * The line (from 1) of a YAML or JSON source that a field of a fault stands in, such as `steps.extract.input.total`: a
 * step goes by its id. As near as it is found; null where not even the beginning is.
 */
export function lineOfField(source: string, field: string): number | null {
  const lines = source.split('\n');
  let block: Block = { head: 0, from: 0, to: lines.length };
  let found: number | null = null;
  let isStep = false;
  for (const part of field.split('.')) {
    const isIndex = /^\d+$/.test(part);
    const find = isStep ? stepIn : keyIn;
    const inside = isIndex ? itemIn(lines, block, Number(part)) : find(lines, block, part);
    if (!inside) return isStep && !isIndex ? null : found;
    found = inside.head + 1;
    block = inside;
    isStep = part === 'steps';
  }
  return found;
}

/** A key of the block itself, not of what stands deeper in it. */
function keyIn(lines: readonly string[], { head, from, to }: Block, key: string): Block | null {
  const depth = depthOf(lines, from, to);
  const name = `["']?${escaped(key)}["']?\\s*:`;
  const isKey = new RegExp(`^\\s*(-\\s+)*${name}`);
  const at = lines.findIndex((line, n) => n >= from && n < to && columnOf(line) === depth && isKey.test(line));
  if (at >= 0) return { head: at, from: at + 1, to: endOfKey(lines, at, to) };
  return new RegExp(`[{,]\\s*${name}`).test(lines[head] ?? '') ? { head, from: head, to: head } : null;
}

/** The step of that id, however deep. */
function stepIn(lines: readonly string[], { from, to }: Block, id: string): Block | null {
  const isId = new RegExp(`^\\s*(-\\s+)?\\{?\\s*["']?id["']?\\s*:\\s*["']?${escaped(id)}["']?\\s*([,}#].*)?$`);
  const head = lines.findIndex((line, n) => n >= from && n < to && isId.test(line));
  if (head < 0) return null;
  const depth = columnOf(lines[head] ?? '');
  let start = head;
  while (start > from && (isBare(lines[start]) || indentOf(lines[start] ?? '') >= depth)) start -= 1;
  const end = lines.findIndex((line, n) => n > head && n < to && !isBare(line) && indentOf(line) < depth);
  return { head, from: start, to: end < 0 ? to : end };
}

/** The item at that place of a list that is written with dashes. */
function itemIn(lines: readonly string[], { from, to }: Block, index: number): Block | null {
  const dashes = lines.flatMap((line, n) => (n >= from && n < to && /^\s*-\s/.test(line) ? [n] : []));
  const depth = Math.min(...dashes.map((n) => indentOf(lines[n] ?? '')));
  const items = dashes.filter((n) => indentOf(lines[n] ?? '') === depth);
  const head = items[index];
  return head === undefined ? null : { head, from: head, to: items[index + 1] ?? to };
}

/** Where what belongs to the key ends; the dashes of its list may stand as far left as itself. */
function endOfKey(lines: readonly string[], at: number, to: number): number {
  const depth = columnOf(lines[at] ?? '');
  const end = lines.findIndex((line, n) => {
    if (n <= at || n >= to || isBare(line)) return false;
    return indentOf(line) < depth || (indentOf(line) === depth && !/^\s*-\s/.test(line));
  });
  return end < 0 ? to : end;
}

/** The column of the block's own keys. */
function depthOf(lines: readonly string[], from: number, to: number): number {
  const columns = lines
    .slice(from, to)
    .filter((line) => !isBare(line) && !/^[\s{}[\],]*$/.test(line))
    .map(columnOf);
  return Math.min(...columns);
}

function isBare(line = ''): boolean {
  return /^\s*(#|$)/.test(line);
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Where a line's key begins, after the dashes of a list. */
function columnOf(line: string): number {
  return /^\s*(-\s+)*/.exec(line)?.[0].length ?? 0;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
