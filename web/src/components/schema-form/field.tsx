import { memo } from 'react';

import { ArrayField } from '@/components/schema-form/array-field';
import { type FieldProps, isSameField, useFormState } from '@/components/schema-form/form-context';
import { JsonField } from '@/components/schema-form/json-field';
import { MapField } from '@/components/schema-form/map-field';
import { ObjectField } from '@/components/schema-form/object-field';
import { ScalarField } from '@/components/schema-form/scalar-field';
import { resolve } from '@/lib/json-schema/resolve';

/** The right field for a schema. */
export const Field = memo(function Field({ schema: given, ...props }: FieldProps) {
  const { root } = useFormState();
  const { kind, schema } = resolve(given, root);
  switch (kind) {
    case 'object':
      return <ObjectField {...props} schema={schema} />;
    case 'array':
      return <ArrayField {...props} schema={schema} />;
    case 'map':
      return <MapField {...props} schema={schema} />;
    case 'json':
      return <JsonField {...props} schema={schema} />;
    default:
      return <ScalarField {...props} schema={schema} kind={kind} />;
  }
}, isSameField);
