/** What others may know of notifications: nothing yet. It listens, and nobody asks it or waits for it. */
export type Events = Record<never, never>;
