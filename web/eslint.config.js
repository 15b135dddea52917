import js from '@eslint/js';
import query from '@tanstack/eslint-plugin-query';
import boundaries from 'eslint-plugin-boundaries';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** What may import what: app → features → components → lib. No feature knows another; only the app brings them together. */
const layers = {
  settings: {
    'boundaries/include': ['src/**/*'],
    'boundaries/elements': [
      { type: 'app', pattern: 'src/app' },
      { type: 'feature', pattern: 'src/features/*', capture: ['feature'] },
      { type: 'components', pattern: 'src/components' },
      { type: 'lib', pattern: 'src/lib' },
      { type: 'testing', pattern: 'src/testing' },
    ],
    'boundaries/files': [
      { category: 'entry', pattern: 'src/main.tsx' },
      { category: 'test', pattern: '**/*.test.{ts,tsx}' },
    ],
    'import/resolver': { typescript: true },
  },
  rules: {
    'boundaries/no-unknown-dependencies': 'error',
    'boundaries/dependencies': [
      'error',
      {
        default: 'disallow',
        policies: [
          { from: { file: { categories: 'entry' } }, allow: { to: { element: { type: 'app' } } } },
          {
            from: { element: { type: 'app' } },
            allow: { to: { element: { types: { anyOf: ['app', 'feature', 'components', 'lib'] } } } },
          },
          {
            from: { element: { type: 'feature' } },
            allow: { to: { element: { types: { anyOf: ['components', 'lib'] } } } },
          },
          {
            from: { element: { type: 'feature' } },
            allow: {
              to: { element: { type: 'feature', captured: { feature: '{{ from.element.captured.feature }}' } } },
            },
          },
          {
            from: { element: { type: 'components' } },
            allow: { to: { element: { types: { anyOf: ['components', 'lib'] } } } },
          },
          { from: { element: { type: 'lib' } }, allow: { to: { element: { type: 'lib' } } } },
          {
            from: { element: { type: 'testing' } },
            allow: { to: { element: { types: { anyOf: ['app', 'testing', 'lib'] } } } },
          },
          { from: { file: { categories: 'test' } }, allow: { to: { element: { type: 'testing' } } } },
          { allow: { to: { module: { origin: ['external', 'core'] } } } },
        ],
      },
    ],
  },
};

export default tseslint.config(
  { ignores: ['dist', 'src/lib/api/schema.d.ts'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // The router's redirects are thrown, by its own design.
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/dot-notation': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ImportDeclaration[source.value=/^\\./]',
          message: 'Import by "@/…", so that a path says where a thing lives.',
        },
      ],
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { boundaries },
    ...layers,
  },
  { files: ['src/**/*.{ts,tsx}'], ...reactHooks.configs.flat['recommended-latest'] },
  ...query.configs['flat/recommended'],
  {
    files: ['src/**/*.test.{ts,tsx}'],
    rules: {
      // A missing element fails the test by itself.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // A test looks into its component from outside.
      'react-hooks/globals': 'off',
    },
  },
  {
    files: ['*.js', 'public/*.js'],
    languageOptions: { globals: { document: 'readonly', localStorage: 'readonly', matchMedia: 'readonly' } },
  },
);
