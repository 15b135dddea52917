/**
 * The line (from 1) of a YAML source that a field of a fault stands in, such as `steps.extract.input.total`: a step
 * goes by its id. As near as it is found; null where not even the beginning is.
 */
export function lineOfField(source: string, field: string): number | null {
  const lines = source.split('\n');
  let [from, to, found] = [0, lines.length, -1];
  for (const part of field.split('.').filter((name) => name !== 'steps' && !/^\d+$/.test(name))) {
    const step = lines.findIndex(
      (line, at) =>
        at >= from &&
        at < to &&
        new RegExp(`^\\s*(-\\s+)?["']?id["']?\\s*:\\s*["']?${escaped(part)}["']?\\s*,?\\s*$`).test(line),
    );
    const key = lines.findIndex(
      (line, at) => at >= from && at < to && new RegExp(`(^|[\\s{,"'-])${escaped(part)}["']?\\s*:`).test(line),
    );
    const place = step >= 0 ? step : key;
    if (place < 0) break;
    found = place;
    from = place;
    if (step >= 0) to = endOfItem(lines, place);
  }
  return found < 0 ? null : found + 1;
}

/** Where the list's item that begins at `start` ends: before the next line that is not indented further. */
function endOfItem(lines: readonly string[], start: number): number {
  const depth = indentOf(lines[start] ?? '');
  const next = lines.findIndex((line, at) => at > start && line.trim() !== '' && indentOf(line) <= depth);
  return next < 0 ? lines.length : next;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
