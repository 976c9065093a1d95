/** What generated cases begin with: the same ones each time, so that a change is judged and not a dice; FC_SEED looks for others. */
export const seed = Number(process.env['FC_SEED'] ?? 1);
