import { SegmentedControl } from '@mantine/core';
import { type ReactNode, type Ref, useState } from 'react';

import { CopyIcon } from '@/components/copy-icon';
import { JsonText } from '@/components/json-text';
import { Panel } from '@/components/panel';
import { SchemaView } from '@/components/schema-view/schema-view';
import type { Json, Schema } from '@/lib/json-schema/types';

interface ValuePanelProps {
  title: string;
  /** Null when there is nothing to show but the children. */
  value: Json;
  schema: Schema | undefined;
  children?: ReactNode;
  footer?: ReactNode;
  ref?: Ref<HTMLElement> | undefined;
  staysInSight?: boolean;
}

/** A value on a panel, for reading or as JSON, ready to be copied. */
export function ValuePanel({ title, value, schema, children, ...panel }: ValuePanelProps) {
  const [mode, setMode] = useState('readable');
  const name = title.toLowerCase();
  const actions = value !== null && (
    <>
      <SegmentedControl
        size="xs"
        aria-label={`How to show the ${name}`}
        data={[
          { value: 'readable', label: 'Readable' },
          { value: 'json', label: 'JSON' },
        ]}
        value={mode}
        onChange={setMode}
      />
      <CopyIcon label={`Copy the ${name} as JSON`} text={JSON.stringify(value, null, 2)} />
    </>
  );
  return (
    <Panel {...panel} title={title} actions={actions}>
      {children}
      {value !== null &&
        (mode === 'readable' ? (
          <SchemaView value={value} schema={schema} />
        ) : (
          <JsonText label={`${title} as JSON`} value={value} />
        ))}
    </Panel>
  );
}
