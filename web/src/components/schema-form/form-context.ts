import { type ComponentType, createContext, useContext } from 'react';

import { shallowEqual } from '@mantine/hooks';

import { isObject, type Json, type Path, pathKey, type Schema } from '@/lib/json-schema/types';

/** What every kind of field is given. */
export interface FieldProps {
  label: string;
  schema: Schema;
  path: Path;
  value: Json | undefined;
  required: boolean;
}

/**
 * Whether a field would render as before. Paths are compared by what they say, since they are made anew each time; then
 * typing renders only the fields on the way to the changed one.
 */
export function isSameField<Props extends FieldProps>(before: Props, after: Props): boolean {
  const { path: _before, ...was } = before;
  const { path: _after, ...is } = after;
  return pathKey(before.path) === pathKey(after.path) && shallowEqual(was, is);
}

/** What every field of one form shares. */
export interface FormState {
  /** The field for any schema: parts that contain fields take it from here, so that no module imports in a circle. */
  Field: ComponentType<FieldProps>;
  root: Schema;
  /** The agent's example: tells which texts are long. */
  sample: Json | undefined;
  errors: ReadonlyMap<string, string>;
  change: (path: Path, value: Json | undefined) => void;
  idOf: (path: Path) => string;
}

export const FormContext = createContext<FormState | null>(null);

export function useFormState(): FormState {
  const state = useContext(FormContext);
  if (!state) throw new Error('A schema field stands outside of a SchemaForm.');
  return state;
}

export function useFieldError(path: Path): string | undefined {
  return useFormState().errors.get(pathKey(path));
}

/** The example's value at a path; for an item beyond the example's last, that of its first. */
export function sampleAt(sample: Json | undefined, path: Path): Json | undefined {
  let place: Json | undefined = sample;
  for (const step of path) {
    if (Array.isArray(place)) place = place[Number(step)] ?? place[0];
    else place = isObject(place) ? place[step] : undefined;
  }
  return place;
}
