import { app } from './app.ts';
import { serve } from './service.ts';

serve(app);
