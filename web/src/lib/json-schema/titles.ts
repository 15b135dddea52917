import { asText, type Json, type Schema } from '@/lib/json-schema/types';

const CAPITALS = new Set(
  'api bic cpu csv css eur gbp html iban id ids ip iso json kpi pdf pii sku sla sql uri url urls usd utc vat xml yaml'.split(
    ' ',
  ),
);

/** What a field is called on the page: its title, or its name in words ("unit_price" → "Unit price"). */
export function titleOf(name: string, schema?: Schema): string {
  return schema?.title ?? capitalised(inWords(name));
}

/** An enum's value in words ("pay_part" → "Pay part"); a value with capitals, spaces or digits first is left alone. */
export function choiceLabel(value: Json): string {
  if (typeof value !== 'string') return asText(value);
  return /^[a-z][a-z0-9]*([_-][a-z0-9]+)*$/.test(value) ? capitalised(inWords(value)) : value;
}

/** One of several: "receipts" → "receipt", "categories" → "category". */
export function singular(word: string): string {
  if (/(ss|us|is)$/i.test(word)) return word;
  if (/ies$/i.test(word)) return word.replace(/ies$/i, 'y');
  if (/(ch|sh|ss|x)es$/i.test(word)) return word.replace(/es$/i, '');
  return word.replace(/s$/i, '');
}

/** A code-like name in words: "unit_price" → "unit price", "url_parts" → "URL parts". */
export function inWords(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[\s_-]+/)
    .filter(Boolean)
    .map((word) =>
      CAPITALS.has(word.toLowerCase()) ? word.toUpperCase().replace(/^(ID|URL)S$/, '$1s') : word.toLowerCase(),
    )
    .join(' ');
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
