import { type ComponentType, createContext, useContext } from 'react';

import type { Json, Schema } from '@/lib/json-schema/types';

export interface ValueViewProps {
  value: Json;
  schema: Schema;
}

interface ViewState {
  root: Schema;
  /** The view of any value: parts that contain values take it from here, so that no module imports in a circle. */
  ValueView: ComponentType<ValueViewProps>;
}

export const ViewContext = createContext<ViewState | null>(null);

export function useView(): ViewState {
  const state = useContext(ViewContext);
  if (!state) throw new Error('A value stands outside of a SchemaView.');
  return state;
}
