import { ApiProblem } from '@/lib/api/problem';

/** Splits a failed request into what belongs at a field of the form and what belongs on top of it. */
export function fieldErrors<Field extends string>(
  error: Error | null,
  fields: readonly Field[],
): { at: Partial<Record<Field, string>>; onTop: Error | null } {
  if (!(error instanceof ApiProblem)) return { at: {}, onTop: error };
  const at: Partial<Record<Field, string>> = {};
  for (const { field, message } of error.fields) {
    const name = fields.find((known) => field === known || field.endsWith(`.${known}`));
    if (name) at[name] = message.charAt(0).toUpperCase() + message.slice(1);
  }
  return { at, onTop: Object.keys(at).length > 0 ? null : error };
}
