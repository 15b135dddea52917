/** How figures and times read on every page. */

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 6, useGrouping: 'min2' });
const INTEGER = new Intl.NumberFormat('en');
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });
const MONTH = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });
const MOMENT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** 1234567.5 → "1,234,567.5"; four digits stay together, since they are often a year or a number on paper. */
export function formatNumber(value: number): string {
  return NUMBER.format(value);
}

export function formatCount(value: number): string {
  return INTEGER.format(value);
}

/** A count where there is little room: "950", "12.3K", "4.56M". */
export function formatCompact(value: number): string {
  return COMPACT.format(value);
}

/** US dollars with as many places as the size needs: "$1.20", "$0.0042". */
export function formatUsd(value: number): string {
  if (value === 0) return '$0.00';
  if (value < 0.0001) return '< $0.0001';
  return `$${value.toFixed(value >= 0.1 ? 2 : 4)}`;
}

/** Milliseconds for people: "240 ms", "3.2 s", "2 min 05 s". */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : formatSeconds(seconds);
}

/** Whole seconds for people: "42 s", "2 min 05 s". */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(0)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
}

/** An ISO date such as "2026-03-04" → "4 Mar 2026"; anything else stays as it is. */
export function formatDate(text: string): string {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? text : DAY.format(time);
}

/** The day (UTC) of an RFC 3339 time: "30 Nov 2026". */
export function formatDay(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : DAY.format(time);
}

/** A calendar month such as "2026-11" → "November 2026". */
export function formatMonth(text: string): string {
  const time = Date.parse(`${text}-01`);
  return Number.isNaN(time) ? text : MONTH.format(time);
}

/** An RFC 3339 time in the reader's own zone. */
export function formatMoment(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : MOMENT.format(time);
}

/** "2 minutes ago"; older than a week: the date. */
export function formatAgo(text: string, now: number = Date.now()): string {
  const seconds = Math.round((Date.parse(text) - now) / 1000);
  const passed = Math.abs(seconds);
  if (passed < 45) return 'just now';
  if (passed < 3600) return RELATIVE.format(Math.round(seconds / 60), 'minute');
  if (passed < 86_400) return RELATIVE.format(Math.round(seconds / 3600), 'hour');
  if (passed < 7 * 86_400) return RELATIVE.format(Math.round(seconds / 86_400), 'day');
  return formatMoment(text);
}

/** How long until then, in the largest unit: "3 days", "5 hours", "2 minutes"; "no time" once it has passed. */
export function formatAhead(text: string, now: number = Date.now()): string {
  const minutes = Math.floor((Date.parse(text) - now) / 60_000);
  if (minutes <= 0) return 'no time';
  const units = [
    [1440, 'day'],
    [60, 'hour'],
    [1, 'minute'],
  ] as const;
  const [size, unit] = units.find(([length]) => minutes >= length) ?? units[2];
  const count = Math.floor(minutes / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** Bytes for people: "820 B", "64 kB", "3.2 MB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999_500) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
