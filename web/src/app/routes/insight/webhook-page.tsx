import { getRouteApi } from '@tanstack/react-router';

import { usePageTitle } from '@/app/use-page-title';
import { WebhookRecord } from '@/features/webhooks/components/webhook-record';

const route = getRouteApi('/member/webhooks/$id');

export function WebhookPage() {
  usePageTitle('Webhook');
  const { id } = route.useParams();
  const navigate = route.useNavigate();
  return <WebhookRecord id={id} onDeleted={() => void navigate({ to: '/webhooks' })} />;
}
