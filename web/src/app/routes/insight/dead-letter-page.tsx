import { getRouteApi } from '@tanstack/react-router';

import { usePageTitle } from '@/app/use-page-title';
import { LetterRecord } from '@/features/dead-letters/components/letter-record';

const route = getRouteApi('/member/dead-letters/$id');

export function DeadLetterPage() {
  usePageTitle('Dead letter');
  const { id } = route.useParams();
  return <LetterRecord key={id} id={id} />;
}
