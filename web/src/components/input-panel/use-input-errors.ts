import { useCallback, useMemo, useState } from 'react';

import { ApiProblem } from '@/lib/api/problem';
import { type Path, pathKey } from '@/lib/json-schema/types';

const NEEDED = 'This is needed';
const NONE: ReadonlySet<string> = new Set();

/**
 * What is wrong with the input, by path: what is missing, and what the API refused. A fault goes once its place is
 * changed. `root` is what the API calls the whole.
 */
export function useInputErrors(problem: Error | null, root = 'input') {
  const [absent, setAbsent] = useState<readonly string[]>([]);
  const [changed, setChanged] = useState(NONE);

  const errors = useMemo(() => {
    const all = new Map([...refusals(problem, root), ...absent.map((path) => [path, NEEDED] as const)]);
    return new Map([...all].filter(([path]) => ![...changed].some((place) => isWithin(path, place))));
  }, [problem, root, absent, changed]);

  const forgetAt = useCallback((path: Path) => {
    const place = pathKey(path);
    setChanged((places) => (places.has(place) ? places : new Set([...places, place])));
  }, []);

  const startOver = useCallback((missing: readonly Path[]) => {
    setAbsent(missing.map(pathKey));
    setChanged(NONE);
  }, []);

  return { errors, forgetAt, startOver };
}

/** The API's field errors. It reports what is missing at the parent; here it belongs to the field itself. */
function refusals(problem: Error | null, root: string): [path: string, message: string][] {
  if (!(problem instanceof ApiProblem)) return [];
  return problem.fields.map(({ field, message }) => {
    const path = field.replace(new RegExp(`^(body\\.)?${root}\\.?`), '');
    const lacking = /^"([^"]+)" is a required property$/.exec(message)?.[1];
    return lacking ? [path ? `${path}.${lacking}` : lacking, NEEDED] : [path, message];
  });
}

function isWithin(path: string, place: string): boolean {
  return place === '' || path === place || path.startsWith(`${place}.`);
}
