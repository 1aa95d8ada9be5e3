/** What JSON holds, and nothing else: options, identities and results that a checkpoint stores. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A JSON object: a set of options. */
export type JsonRecord = { readonly [name: string]: Json };
