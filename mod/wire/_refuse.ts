import { err, type Result } from "@/lang/result.ts";
import type { DecodeError, DecodeReason } from "./decode_error.ts";

/** The result of a decoder that refuses. */
export function refuse(
  reason: DecodeReason,
  field: string,
  offsetBytes: number,
): Result<never, DecodeError> {
  return err({ reason, field, offsetBytes });
}
