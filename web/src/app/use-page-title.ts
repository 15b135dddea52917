import { useDocumentTitle } from '@mantine/hooks';

export function usePageTitle(page: string): void {
  useDocumentTitle(`${page} · AI-Agents Platform`);
}
