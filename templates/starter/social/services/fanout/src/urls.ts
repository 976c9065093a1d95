/** Where the others are. camp says it where they are processes; in a container Compose's own names are right. */
export const followsUrl = process.env['FOLLOWS_URL'] ?? 'http://follows:8080';
export const timelinesUrl = process.env['TIMELINES_URL'] ?? 'http://timelines:8080';
