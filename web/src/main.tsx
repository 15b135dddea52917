import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from '@/app/app';
import { newQueryClient } from '@/app/query-client';
import { newRouter } from '@/app/router';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no element with the id "root".');

createRoot(root).render(
  <StrictMode>
    <App router={newRouter()} queryClient={newQueryClient()} />
  </StrictMode>,
);
