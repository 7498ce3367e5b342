// Refusals as exceptions.
import type { components } from "./schema.js";

type Problem = components["schemas"]["Problem"];

/** A code of the closed list. */
export type Code = components["schemas"]["ErrorCode"];

/** A refusal of the API, or of S3 where there is no code. */
export class StowageError extends Error {
  override readonly name = "StowageError";

  constructor(
    readonly status: number,
    message: string,
    readonly code?: Code,
    readonly requestId?: string,
    readonly details?: Record<string, unknown>,
  ) {
    super(message);
  }
}

/** The data of an answer; throws a {@link StowageError} where it is a refusal. */
export function answered<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  if (response.ok && data !== undefined) return data;
  const problem = (error as Problem | undefined)?.error;
  const message = problem?.message ?? `The API answered ${response.status}.`;
  throw new StowageError(response.status, message, problem?.code, problem?.request_id, problem?.details);
}
