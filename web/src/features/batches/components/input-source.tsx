import { Button, CloseButton, FileButton, Textarea } from '@mantine/core';
import { IconFile, IconUpload } from '@tabler/icons-react';
import { type DragEvent, useState } from 'react';

import classes from '@/features/batches/components/new-batch.module.css';
import { type InputFile, readInputFile } from '@/features/batches/input-file';
import { formatBytes, formatCount } from '@/lib/format';
import type { JsonObject } from '@/lib/json-schema/types';

interface InputSourceProps {
  file: InputFile | null;
  example: JsonObject | undefined;
  onFile: (file: InputFile | null) => void;
}

/** Inputs as pasted lines or as a file, dropped or chosen, with what was found in them. */
export function InputSource({ file, example, onFile }: InputSourceProps) {
  const [pasted, setPasted] = useState('');
  const [isOver, setOver] = useState(false);
  const isFile = file !== null && file.name !== '';

  function read(name: string, content: Blob) {
    void readInputFile(name, content).then(onFile);
  }
  function paste(text: string) {
    setPasted(text);
    if (text.trim() === '') onFile(null);
    else read('', new Blob([text]));
  }
  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    const dropped = event.dataTransfer.files[0];
    if (dropped) read(dropped.name, dropped);
  }

  return (
    <div
      className={classes.drop}
      data-over={isOver || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      {isFile ? (
        <div role="group" aria-label="Inputs">
          <div className={classes.label}>Inputs</div>
          <div className={classes.file}>
            <IconFile size={18} stroke={1.75} aria-hidden="true" />
            <span style={{ flex: 1 }}>{file.name}</span>
            <CloseButton aria-label={`Remove ${file.name}`} onClick={() => paste('')} />
          </div>
        </div>
      ) : (
        <Textarea
          label="Inputs"
          description="One JSON object a line, or CSV with a header. Drop a file here, or paste."
          placeholder={example && JSON.stringify(example)}
          value={pasted}
          onChange={(event) => paste(event.currentTarget.value)}
          autosize
          minRows={6}
          maxRows={14}
          spellCheck={false}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: '0.8125rem' } }}
        />
      )}
      <div className={classes.source}>
        <FileButton accept=".jsonl,.ndjson,.csv" onChange={(chosen) => chosen && read(chosen.name, chosen)}>
          {(props) => (
            <Button
              {...props}
              variant="default"
              size="xs"
              leftSection={<IconUpload size={14} stroke={1.75} aria-hidden="true" />}
            >
              {isFile ? 'Choose another file' : 'Choose a file'}
            </Button>
          )}
        </FileButton>
        {example && !isFile && pasted === '' && (
          <Button variant="subtle" color="gray" size="xs" onClick={() => paste(JSON.stringify(example))}>
            Begin with the agent’s example
          </Button>
        )}
        <span className={classes.summary} role="status" data-fault={file?.fault ? true : undefined}>
          {file && found(file)}
        </span>
      </div>
    </div>
  );
}

function found({ fault, count, format, size, columns }: InputFile): string {
  if (fault) return fault;
  const inputs = `${formatCount(count)} ${count === 1 ? 'input' : 'inputs'}`;
  const kind = format === 'jsonl' ? 'JSON Lines' : `CSV with ${columns?.length ?? 0} columns`;
  return `${inputs} · ${kind} · ${formatBytes(size)}`;
}
