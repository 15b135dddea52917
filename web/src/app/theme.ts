import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

/** Deep green of a library reading room: the one accent. */
const pine: MantineColorsTuple = [
  '#eff6f3',
  '#dcebe5',
  '#b9d7cb',
  '#92c1b0',
  '#6cab96',
  '#4b937d',
  '#357a66',
  '#266453',
  '#1d5145',
  '#133b32',
];

/** Warm neutrals, light to dark; `gray` for the light scheme, `dark` (reversed) for the dark one. */
const gray: MantineColorsTuple = [
  '#faf9f6',
  '#f4f2ee',
  '#e9e6e0',
  '#dbd7cf',
  '#c6c1b8',
  '#9f998f',
  '#6c665d',
  '#524d46',
  '#38342f',
  '#22201c',
];
const dark: MantineColorsTuple = [
  '#e6e2db',
  '#cbc6bd',
  '#a8a298',
  '#7c766c',
  '#454039',
  '#35312c',
  '#292622',
  '#1f1d1a',
  '#171513',
  '#100f0d',
];

const serif = '"Source Serif 4 Variable", Georgia, serif';

export const theme = createTheme({
  primaryColor: 'pine',
  primaryShade: { light: 7, dark: 3 },
  autoContrast: true,
  colors: { pine, gray, dark },
  black: '#22201c',
  fontFamily: '"Inter Variable", system-ui, sans-serif',
  fontFamilyMonospace: '"JetBrains Mono Variable", ui-monospace, monospace',
  defaultRadius: 'md',
  cursorType: 'pointer',
  headings: {
    fontFamily: serif,
    fontWeight: '560',
    textWrap: 'pretty',
    sizes: {
      h1: { fontSize: '2.25rem', lineHeight: '1.15' },
      h2: { fontSize: '1.375rem', lineHeight: '1.3' },
      h3: { fontSize: '1.125rem', lineHeight: '1.35' },
      h4: { fontSize: '1rem', lineHeight: '1.4' },
    },
  },
  other: { serif },
  components: {
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300, multiline: true, maw: 320 } },
    // Colour alone does not tell a link from the text around it.
    Anchor: { defaultProps: { underline: 'always' } },
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray' } },
    Badge: {
      defaultProps: { variant: 'light', radius: 'sm', tt: 'none', fw: 500 },
      // A verdict is never cut short: a long one takes a second line.
      styles: {
        root: { height: 'auto', minHeight: 'var(--badge-height)', maxWidth: 'none', overflow: 'visible' },
        label: { overflow: 'visible', whiteSpace: 'normal' },
      },
    },
  },
});

/** The page lies one tone under the surfaces on it, in both schemes. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: { '--serif': serif, '--page-width': '80rem' },
  light: {
    '--page': '#faf9f6',
    '--surface': '#ffffff',
    '--surface-sunken': '#f6f4f0',
    '--line': '#e6e2da',
    '--line-strong': '#cdc7bc',
    '--ink': '#22201c',
    '--ink-soft': '#645e55',
    '--accent': '#266453',
    '--accent-soft': '#eaf3ef',
    '--mantine-color-dimmed': '#645e55',
    '--mantine-color-placeholder': '#746e64',
    '--mantine-color-default-border': '#d5d0c6',
    '--mantine-color-error': '#b3261e',
    '--mantine-color-pine-light': '#e4f0eb',
    '--mantine-color-pine-light-color': '#1d5145',
    '--mantine-color-gray-light': '#efece6',
    '--mantine-color-gray-light-color': '#524d46',
    '--mantine-color-yellow-light': '#fcf3da',
    '--mantine-color-yellow-light-color': '#7a5600',
    '--mantine-color-red-light': '#fcebe9',
    '--mantine-color-red-light-color': '#a3231b',
  },
  dark: {
    '--page': '#171513',
    '--surface': '#1f1d1a',
    '--surface-sunken': '#1a1816',
    '--line': '#332f2a',
    '--line-strong': '#4a453e',
    '--ink': '#e6e2db',
    '--ink-soft': '#a8a298',
    '--accent': '#92c1b0',
    '--accent-soft': '#1d2e28',
    '--mantine-color-body': '#1f1d1a',
    '--mantine-color-dimmed': '#a8a298',
    '--mantine-color-placeholder': '#918a7f',
    '--mantine-color-default-border': '#453f38',
    '--mantine-color-error': '#f2a39b',
    '--mantine-color-pine-filled': '#2f7060',
    '--mantine-color-pine-filled-hover': '#377d6c',
    '--mantine-primary-color-filled': '#2f7060',
    '--mantine-primary-color-filled-hover': '#377d6c',
    '--mantine-color-pine-light': '#22372f',
    '--mantine-color-pine-light-color': '#b9d7cb',
    '--mantine-color-gray-light': '#2d2a26',
    '--mantine-color-gray-light-color': '#cbc6bd',
    '--mantine-color-yellow-light': '#332a17',
    '--mantine-color-yellow-light-color': '#ecc978',
    '--mantine-color-red-light': '#3a211e',
    '--mantine-color-red-light-color': '#f2a39b',
  },
});
