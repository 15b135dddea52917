import { isObject, type JsonObject } from '@/lib/json-schema/types';

/** What a batch is made from, as far as it could be looked at here. */
export interface InputFile {
  name: string;
  format: 'jsonl' | 'csv';
  content: Blob;
  /** How many inputs; null where the file is too large to be counted here. */
  count: number | null;
  /** The inputs themselves, where they are few enough to be sent along. */
  inputs: JsonObject[] | null;
  /** Columns of a CSV. */
  columns: string[] | null;
  /** Why it cannot be used as it is. */
  fault: string | null;
}

/** Bytes that are read to look for faults, and that may be sent along: below the 5 MiB that the API takes as a body. */
const MOST_READ = 4_000_000;
/** Inputs that the API takes with the order; more are uploaded. */
const MOST_SENT = 1_000;

/** Looks at a file of inputs: JSON Lines, or CSV with a header. */
export async function readInputFile(name: string, content: Blob): Promise<InputFile> {
  const isWhole = content.size <= MOST_READ;
  const read = await content.slice(0, MOST_READ).text();
  // What was cut off in the middle of a line is not looked at.
  const text = isWhole ? read : read.slice(0, read.lastIndexOf('\n') + 1);
  const format = formatOf(name, text);
  const found = format === 'jsonl' ? readJsonLines(text) : readCsv(text);
  const fault = found.fault ?? (found.count === 0 ? 'There is no input in it.' : null);
  const isSent = isWhole && fault === null && found.inputs !== null && found.inputs.length <= MOST_SENT;
  return {
    name,
    format,
    content,
    count: isWhole ? found.count : null,
    inputs: isSent ? found.inputs : null,
    columns: found.columns,
    fault,
  };
}

function formatOf(name: string, text: string): InputFile['format'] {
  if (/\.csv$/i.test(name)) return 'csv';
  return /\.(jsonl|ndjson|json)$/i.test(name) || /^\s*[{[]/.test(text) ? 'jsonl' : 'csv';
}

interface Found {
  count: number;
  inputs: JsonObject[] | null;
  columns: string[] | null;
  fault: string | null;
}

function readJsonLines(text: string): Found {
  const inputs: JsonObject[] = [];
  for (const [place, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const input = parsed(line);
    if (!isObject(input)) {
      const fault = `Line ${place + 1} is no JSON object. Each line is one input: {"…": …}`;
      return { count: inputs.length, inputs: null, columns: null, fault };
    }
    inputs.push(input);
  }
  return { count: inputs.length, inputs, columns: null, fault: null };
}

/** Counts records, minding that a quoted cell may hold line breaks (RFC 4180). */
function readCsv(text: string): Found {
  const records = text.replace(/"[^"]*"/g, (cell) => cell.replaceAll('\n', ' ')).split('\n');
  const filled = records.filter((record) => record.trim() !== '');
  const columns = (filled[0] ?? '').split(',').map((cell) => cell.trim().replace(/^"|"$/g, ''));
  const fault = columns.some((column) => column === '') ? 'The first line has to name every column.' : null;
  return { count: Math.max(0, filled.length - 1), inputs: null, columns, fault };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
