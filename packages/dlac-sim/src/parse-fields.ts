import type { z } from "zod";
import { SimulatorError, type SimulatorErrorCode } from "./simulator-error.js";

/** How the mistakes of one kind of document are told. */
export interface DocumentKind {
  readonly code: SimulatorErrorCode;
  /** "configuration" */
  readonly what: string;
  /** The file, or whatever else it came from. */
  readonly source: string;
}

/**
 * What a schema makes of these fields.
 *
 * @throws {SimulatorError} with the field, its value and the allowed range
 */
export function parseFields<Schema extends z.ZodType>(
  schema: Schema,
  fields: unknown,
  kind: DocumentKind,
): z.output<Schema> {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  throw describeIssue(parsed.error.issues[0], fields, kind);
}

function describeIssue(issue: z.core.$ZodIssue, fields: unknown, { code, what, source }: DocumentKind): SimulatorError {
  const path = issue.path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  const field = path.replace(/^\./, "");
  const got = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    fields,
  );
  if (issue.code === "unrecognized_keys") {
    const name = field === "" ? issue.keys[0] : `${field}.${issue.keys[0]}`;
    return new SimulatorError(code, `a ${what} has no field ${JSON.stringify(name)}`, {
      where: `${source}, ${name}`,
      want: issue.message,
      got: issue.keys,
    });
  }
  const name = field === "" ? what : field;
  const where = `${source}, ${name}`;
  if (got === undefined) return new SimulatorError(code, `${name} is missing`, { where, want: issue.message });
  return new SimulatorError(code, `${name} can't be ${show(got)}`, { where, want: issue.message, got });
}

/** A value in one line, cut where it is long. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
