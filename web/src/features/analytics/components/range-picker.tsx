import { SegmentedControl, TextInput } from '@mantine/core';

import { type AnalyticsFilter, lastDays, type Preset, PRESETS, presetOf } from '@/features/analytics/filter';

interface RangePickerProps {
  filter: AnalyticsFilter;
  onChange: (filter: AnalyticsFilter) => void;
}

const OWN_DAYS = 7;

/** How far back the figures go: some days up to today, or two dates. */
export function RangePicker({ filter, onChange }: RangePickerProps) {
  const { from, to } = filter;
  const choose = (chosen: string) => {
    if (chosen === 'own') onChange({ ...filter, range: undefined, ...lastDays(OWN_DAYS, Date.now()) });
    else onChange({ ...filter, range: chosen as Preset, from: undefined, to: undefined });
  };
  return (
    <>
      <SegmentedControl
        data-fits
        aria-label="Range"
        data={[...PRESETS, { value: 'own', label: 'Own' }]}
        value={presetOf(filter)}
        onChange={choose}
      />
      {from !== undefined && to !== undefined && (
        <>
          <TextInput
            data-half
            type="date"
            label="From (UTC)"
            value={from}
            max={to}
            onChange={({ currentTarget: { value } }) => value && onChange({ ...filter, from: value })}
          />
          <TextInput
            data-half
            type="date"
            label="To, whole day"
            value={to}
            min={from}
            onChange={({ currentTarget: { value } }) => value && onChange({ ...filter, to: value })}
          />
        </>
      )}
    </>
  );
}
