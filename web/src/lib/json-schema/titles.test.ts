import { expect, it } from 'vitest';

import { choiceLabel, inWords, singular, titleOf } from '@/lib/json-schema/titles';

it('names are put into words, with the usual capitals', () => {
  expect(titleOf('payable_amount')).toBe('Payable amount');
  expect(titleOf('vat-id')).toBe('VAT ID');
  expect(titleOf('camelCaseName')).toBe('Camel case name');
  expect(titleOf('x', { title: 'As the author says' })).toBe('As the author says');
  expect(inWords('url_parts')).toBe('URL parts');
});

it('choices are put into words only where they are code', () => {
  expect(choiceLabel('pay_part')).toBe('Pay part');
  expect(choiceLabel('USD')).toBe('USD');
  expect(choiceLabel('T1566.002')).toBe('T1566.002');
  expect(choiceLabel(3)).toBe('3');
});

it('one of several is found for the usual endings', () => {
  expect(['Lines', 'Categories', 'Boxes', 'Analysis', 'Status', 'Access', 'Evidence'].map(singular)).toEqual([
    'Line',
    'Category',
    'Box',
    'Analysis',
    'Status',
    'Access',
    'Evidence',
  ]);
});
