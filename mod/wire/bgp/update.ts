/**
 * UPDATE (RFC 4271 §4.3, RFC 4760), with the reactions of RFC 7606 to what is
 * wrong in one.
 *
 * ```text
 *  19     21               +2
 *  +------+-----------+----+------------+------+
 *  | Len  | Withdrawn | Len| Attributes | NLRI |
 *  +------+-----------+----+------------+------+
 * ```
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import { ACTION, ACTION_NAMES } from "./_attribute_checks.ts";
import { readAttribute } from "./_attribute_reader.ts";
import { putU16 } from "./_bytes.ts";
import { readNlri } from "./_nlri.ts";
import { UpdateLayout } from "./_update_layout.ts";
import type { BgpError, UpdateReading } from "./bgp_error.ts";
import type { UnicastFamily } from "./family.ts";
import { bytesMax, putHeader } from "./header.ts";
import { BGP_MESSAGE_TYPE } from "./iana.ts";
import type { UpdateMessage } from "./message.ts";
import type {
  MpUnreachAttribute,
  Nlri,
  PathAttribute,
} from "./path_attribute.ts";
import { encodeNlri, encodePathAttributes } from "./path_attribute_codec.ts";
import type { UpdateSession } from "./session.ts";

/**
 * Reads an UPDATE.
 *
 * Withdrawals come before announcements: a prefix in both is announced
 * (RFC 4271 §4.3).
 *
 * @param message A whole message of this type from {@linkcode BgpMessageReader}.
 * @param session What was negotiated.
 * @returns What is to be used of it and what is wrong in it, or why the session ends.
 */
export function decodeUpdate(
  message: Uint8Array,
  session: UpdateSession,
): Result<UpdateReading, BgpError> {
  assert(message.length >= UPDATE_BYTES_MIN, "An UPDATE has 23 bytes or more");
  const action = LAYOUT.read(message, session);
  if (LAYOUT.reset !== undefined) return err(LAYOUT.reset);
  assert(action < ACTION.sessionReset, "A session is reset with an error");
  const endOfRib = LAYOUT.endOfRib();
  return ok({
    update: LAYOUT.withdrawn
      ? withdrawnUpdate(message, session)
      : wholeUpdate(message, session),
    action: ACTION_NAMES[action] as UpdateReading["action"],
    errors: LAYOUT.errors,
    ...(LAYOUT.disabledFamily === undefined
      ? {}
      : { disabledFamily: LAYOUT.disabledFamily }),
    ...(endOfRib === undefined ? {} : { endOfRib }),
  });
}

/**
 * Writes an UPDATE as it is given: for few routes, and for tests. Many are
 * written by {@linkcode packAnnouncements}.
 *
 * @param update The message.
 * @param session What was negotiated.
 * @returns The whole message, or `undefined` when it is longer than was negotiated.
 */
export function encodeUpdate(
  update: UpdateMessage,
  session: Pick<
    UpdateSession,
    "fourOctetAs" | "addPathSend" | "extendedMessage"
  >,
): Uint8Array<ArrayBuffer> | undefined {
  const withdrawn = encodeNlri(update.withdrawn, "ipv4-unicast", session);
  const attributes = encodePathAttributes(update.attributes, session);
  const nlri = encodeNlri(update.nlri, "ipv4-unicast", session);
  const length = UPDATE_BYTES_MIN + withdrawn.length + attributes.length +
    nlri.length;
  if (length > bytesMax(session)) return undefined;
  const bytes = new Uint8Array(length);
  putHeader(bytes, 0, length, BGP_MESSAGE_TYPE.update);
  putU16(bytes, 19, withdrawn.length);
  bytes.set(withdrawn, 21);
  const at = 21 + withdrawn.length;
  putU16(bytes, at, attributes.length);
  bytes.set(attributes, at + 2);
  bytes.set(nlri, at + 2 + attributes.length);
  return bytes;
}

/**
 * The End-of-RIB marker of a family (RFC 4724 §2).
 *
 * @param family The family.
 * @returns The whole message.
 */
export function encodeEndOfRib(family: UnicastFamily): Uint8Array<ArrayBuffer> {
  const attributes: readonly PathAttribute[] = family === "ipv4-unicast"
    ? []
    : [{ kind: "mp-unreach", family, withdrawn: [] }];
  const bytes = encodeUpdate(
    { kind: "update", withdrawn: [], attributes, nlri: [] },
    { fourOctetAs: true, addPathSend: [], extendedMessage: false },
  );
  assert(bytes !== undefined, "An End-of-RIB marker is short");
  return bytes;
}

function wholeUpdate(
  message: Uint8Array,
  session: UpdateSession,
): UpdateMessage {
  const attributes: PathAttribute[] = [];
  for (let i = 0; i < LAYOUT.attributeCount; i++) {
    const type = LAYOUT.order[i] as number;
    const attribute = readAttribute(type, message, LAYOUT, session);
    if (attribute !== undefined) attributes.push(attribute);
  }
  return {
    kind: "update",
    withdrawn: withdrawnRoutes(message, session),
    attributes,
    nlri: nlriRoutes(message, session),
  };
}

/** Treat-as-withdraw: all routes are withdrawn (RFC 7606 §2). */
function withdrawnUpdate(
  message: Uint8Array,
  session: UpdateSession,
): UpdateMessage {
  const unreach: MpUnreachAttribute[] = [];
  for (const mp of [LAYOUT.mpUnreach, LAYOUT.mpReach]) {
    const { family } = mp;
    if (family === undefined) continue;
    const routes = readNlri(
      message,
      mp.nlriFrom,
      mp.nlriTo,
      family,
      session.addPathReceive.includes(family),
    );
    const earlier = unreach.findIndex((item) => item.family === family);
    const before = unreach[earlier]?.withdrawn ?? [];
    unreach.splice(earlier < 0 ? unreach.length : earlier, 1, {
      kind: "mp-unreach",
      family,
      withdrawn: [...before, ...routes],
    });
  }
  return {
    kind: "update",
    withdrawn: [
      ...withdrawnRoutes(message, session),
      ...nlriRoutes(message, session),
    ],
    attributes: unreach,
    nlri: [],
  };
}

function withdrawnRoutes(
  message: Uint8Array,
  session: UpdateSession,
): readonly Nlri[] {
  return readNlri(
    message,
    LAYOUT.withdrawnFrom,
    LAYOUT.withdrawnTo,
    "ipv4-unicast",
    session.addPathReceive.includes("ipv4-unicast"),
  );
}

function nlriRoutes(
  message: Uint8Array,
  session: UpdateSession,
): readonly Nlri[] {
  return readNlri(
    message,
    LAYOUT.nlriFrom,
    LAYOUT.nlriTo,
    "ipv4-unicast",
    session.addPathReceive.includes("ipv4-unicast"),
  );
}

const UPDATE_BYTES_MIN = 23;
/** Nothing of it outlives a call. */
const LAYOUT = new UpdateLayout();
