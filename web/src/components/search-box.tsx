import { CloseButton, Kbd, TextInput } from '@mantine/core';
import { useDebouncedCallback, useHotkeys } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useRef, useState } from 'react';

interface SearchBoxProps {
  /** What it searches: "Search agents". */
  label: string;
  placeholder: string;
  value: string;
  onSearch: (text: string) => void;
}

/** The search box: tells what was typed once the typing pauses; "/" leads to it from anywhere on the page. */
export function SearchBox({ label, placeholder, value, onSearch }: SearchBoxProps) {
  const [text, setText] = useState(value);
  const [seen, setSeen] = useState(value);
  const [told, setTold] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  useHotkeys([['/', () => input.current?.focus()]]);

  // The address changed by other means (back button, "clear all"): follow it.
  if (value !== seen) {
    setSeen(value);
    if (value !== told) setText(value);
  }

  const tell = (typed: string) => {
    setTold(typed);
    onSearch(typed);
  };
  const tellLater = useDebouncedCallback(tell, 250);

  const clear = () => {
    setText('');
    tellLater.cancel();
    tell('');
    input.current?.focus();
  };

  return (
    <TextInput
      ref={input}
      role="searchbox"
      aria-label={label}
      placeholder={placeholder}
      size="lg"
      radius="lg"
      maxLength={200}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        tellLater(event.currentTarget.value.trim());
      }}
      leftSection={<IconSearch size={20} stroke={1.75} />}
      rightSection={text ? <CloseButton aria-label="Clear search" onClick={clear} /> : <Kbd visibleFrom="sm">/</Kbd>}
    />
  );
}
