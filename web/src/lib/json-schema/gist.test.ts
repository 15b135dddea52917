import { describe, expect, it } from 'vitest';

import { gistOf, nextTurn } from '@/lib/json-schema/gist';

describe('the gist of an input', () => {
  it('is its longest text, since that is what the writer said', () => {
    const report = 'Connected over the hotspot the tunnel comes up.';
    expect(gistOf({ affected: 'one_person', report })).toEqual({ text: report, isWhole: false });
    expect(gistOf({ report })).toEqual({ text: report, isWhole: true });
  });

  it('is a few values by name where there is no text', () => {
    const schema = { properties: { iban: { title: 'Account' } } };
    expect(gistOf({ iban: 'NO93', amount: 12, urgent: true, lines: [1, 2] }, schema).text).toBe(
      'Account: NO93 · Amount: 12 · Urgent: true',
    );
  });

  it('counts the items where there are only lists, and cuts what is very long', () => {
    expect(gistOf({ receipts: [1, 2], rules: {} }).text).toBe('Receipts: 2 · Rules');
    const { text, isWhole } = gistOf({ report: 'word '.repeat(400) });
    expect(text.length).toBeLessThan(610);
    expect(text).toMatch(/ …$/);
    expect(isWhole).toBe(false);
  });
});

it('the next turn begins with what is needed each time, without what is to be said anew', () => {
  const said = { report: 'A text that is longer than a label would be.', language: 'en', client: { product: 'x' } };
  expect(nextTurn(said, { required: ['report', 'language'] })).toEqual({ language: 'en' });
});
