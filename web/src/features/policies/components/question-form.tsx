import { Autocomplete, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useState } from 'react';

import type { Action, PolicyQuestion } from '@/features/policies/api/policies';
import classes from '@/features/policies/components/question-form.module.css';
import { isOfAgents } from '@/features/policies/in-words';

interface QuestionFormProps {
  actions: Action[];
  question: PolicyQuestion;
  /** Agents that match what is typed. */
  agents: string[];
  mayAskAboutOthers: boolean;
  onType: (text: string) => void;
  onAsk: (question: PolicyQuestion) => void;
}

const PAUSE = 300;
const AGENT = /^[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*$/;

/** Who, what, and with which agent; asked as soon as it is chosen. */
export function QuestionForm({ actions, question, agents, mayAskAboutOthers, onType, onAsk }: QuestionFormProps) {
  const [agent, setAgent] = useState(question.agent ?? '');
  const [user, setUser] = useState(question.user ?? '');
  const askLater = useDebouncedCallback(onAsk, PAUSE);
  const action = question.action ?? 'agents:execute';
  return (
    <div className={classes.form}>
      {mayAskAboutOthers && (
        <TextInput
          label="Who"
          placeholder="You, or an e-mail address"
          value={user}
          onChange={({ currentTarget: { value } }) => {
            setUser(value);
            askLater({ ...question, user: value.trim() || undefined });
          }}
        />
      )}
      <Select
        label="Action"
        data={actions}
        value={action}
        allowDeselect={false}
        searchable
        onChange={(chosen) => onAsk({ ...question, action: chosen ?? undefined })}
      />
      <Autocomplete
        label="Agent"
        placeholder="Any"
        data={agents}
        filter={({ options }) => options}
        value={agent}
        disabled={!isOfAgents(action)}
        onChange={(text) => {
          setAgent(text);
          onType(text);
          if (!text || AGENT.test(text)) askLater({ ...question, agent: text || undefined });
        }}
      />
    </div>
  );
}
