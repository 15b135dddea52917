import { isObject } from '@/lib/json-schema/types';

/** What a batch is made from, as far as it could be looked at here. */
export interface InputFile {
  name: string;
  format: 'jsonl' | 'csv';
  size: number;
  text: string;
  count: number;
  /** Columns of a CSV. */
  columns: string[] | null;
  /** Why it cannot be used as it is. */
  fault: string | null;
}

/** Bytes that are sent: JSON may double them by escaping, and the API takes 5 MiB as a body. */
const MOST_SENT = 2_500_000;

/** Looks at a file of inputs: JSON Lines, or CSV with a header. */
export async function readInputFile(name: string, content: Blob): Promise<InputFile> {
  const isTooLarge = content.size > MOST_SENT;
  const text = isTooLarge ? '' : await content.text();
  const format = formatOf(name, text);
  const found = format === 'jsonl' ? readJsonLines(text) : readCsv(text);
  const empty = found.count === 0 ? 'There is no input in it.' : null;
  const fault = isTooLarge ? TOO_LARGE : (found.fault ?? empty);
  return { name, format, size: content.size, text, count: found.count, columns: found.columns, fault };
}

const TOO_LARGE =
  'Here a file may have 2.5 MB. Larger ones, up to 100 MB, are uploaded to the address that POST /api/v1/batches gives.';

function formatOf(name: string, text: string): InputFile['format'] {
  if (/\.csv$/i.test(name)) return 'csv';
  return /\.(jsonl|ndjson|json)$/i.test(name) || /^\s*[{[]/.test(text) ? 'jsonl' : 'csv';
}

interface Found {
  count: number;
  columns: string[] | null;
  fault: string | null;
}

function readJsonLines(text: string): Found {
  let count = 0;
  for (const [place, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    if (!isObject(parsed(line))) {
      return { count, columns: null, fault: `Line ${place + 1} is no JSON object. Each line is one input: {"…": …}` };
    }
    count += 1;
  }
  return { count, columns: null, fault: null };
}

/** Counts records, minding that a quoted cell may hold line breaks (RFC 4180). */
function readCsv(text: string): Found {
  const records = text.replace(/"[^"]*"/g, (cell) => cell.replaceAll('\n', ' ')).split('\n');
  const filled = records.filter((record) => record.trim() !== '');
  const columns = (filled[0] ?? '').split(',').map((cell) => cell.trim().replace(/^"|"$/g, ''));
  const fault = columns.some((column) => column === '') ? 'The first line has to name every column.' : null;
  return { count: Math.max(0, filled.length - 1), columns, fault };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
