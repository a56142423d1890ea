/**
 * Where everything in an UPDATE lies, and what is wrong with it: the one place
 * that knows RFC 7606's order of decisions. It makes no object for a message
 * without errors; the decoder and the scanner both stand on it.
 *
 * @module
 */

import {
  ACTION,
  ACTION_NAMES,
  actionOf,
  attributeName,
  checkAttribute,
  flagsFit,
  isUnusableIpv4,
  subcodeOf,
} from "./_attribute_checks.ts";
import { u16At } from "./_bytes.ts";
import { MpLayout } from "./_mp_layout.ts";
import { countNlri } from "./_nlri.ts";
import {
  type BgpError,
  UPDATE_ERRORS_MAX,
  type UpdateError,
} from "./bgp_error.ts";
import type { UnicastFamily } from "./family.ts";
import {
  ATTRIBUTE_FLAG,
  BGP_ERROR,
  PATH_ATTRIBUTE,
  UPDATE_ERROR,
} from "./iana.ts";
import type { UpdateSession } from "./session.ts";

/** A message's layout, valid until the next one is read into it. */
export class UpdateLayout {
  /** The strongest action, of {@linkcode ACTION}. */
  action: number = ACTION.accept;
  /** The error that ends the session, under `ACTION.sessionReset`. */
  reset: BgpError | undefined;
  errors: UpdateError[] = NO_ERRORS;
  disabledFamily: UnicastFamily | undefined;
  withdrawnFrom = 0;
  withdrawnTo = 0;
  withdrawnCount = 0;
  nlriFrom = 0;
  nlriTo = 0;
  nlriCount = 0;
  readonly mpReach: MpLayout = new MpLayout({ hasNextHop: true });
  readonly mpUnreach: MpLayout = new MpLayout({ hasNextHop: false });
  /** Types of the attributes that are to be used, in the order of the wire. */
  readonly order: Uint8Array = new Uint8Array(256);
  attributeCount = 0;
  /** By type: flags, and from where to where the value goes. */
  readonly flags: Uint8Array = new Uint8Array(256);
  readonly valueFrom: Uint16Array = new Uint16Array(256);
  readonly valueTo: Uint16Array = new Uint16Array(256);
  /** By type: the number of the message in which it was seen last. */
  readonly #seen = new Uint32Array(256);
  #number = 0;
  #attributesFrom = 0;
  #attributesTo = 0;
  #bytes: Uint8Array = NO_BYTES;
  #session: UpdateSession | undefined;
  #withdrawVerdict = 0;
  #withdrawType = 0;
  #withdrawAt = 0;
  #withdrawTo = 0;
  /** Attributes on the wire, discarded ones among them. */
  #attributesSeen = 0;

  /**
   * Reads a message.
   *
   * @param bytes A whole UPDATE of at least 23 bytes.
   * @param session What was negotiated.
   * @returns The strongest action.
   */
  read(bytes: Uint8Array, session: UpdateSession): number {
    this.#clear(bytes, session);
    if (this.#readFields()) {
      this.#readAttributes();
      if (this.action !== ACTION.sessionReset) this.#judgeWhole();
    }
    return this.action;
  }

  /** Whether its routes count as withdrawn. */
  get withdrawn(): boolean {
    return this.#withdrawVerdict !== 0;
  }

  /** Whose End-of-RIB marker it is (RFC 4724 §2). */
  endOfRib(): UnicastFamily | undefined {
    if (this.withdrawnTo > this.withdrawnFrom || this.nlriTo > this.nlriFrom) {
      return undefined;
    }
    const session = this.#session as UpdateSession;
    if (this.#attributesTo === this.#attributesFrom) {
      return session.families.includes("ipv4-unicast")
        ? "ipv4-unicast"
        : undefined;
    }
    return this.#attributesSeen === 1 && this.mpUnreach.count === 0
      ? this.mpUnreach.family
      : undefined;
  }

  #clear(bytes: Uint8Array, session: UpdateSession): void {
    this.action = ACTION.accept;
    this.reset = undefined;
    this.errors = NO_ERRORS;
    this.disabledFamily = undefined;
    this.nlriCount = 0;
    this.withdrawnCount = 0;
    this.mpReach.clear();
    this.mpUnreach.clear();
    this.attributeCount = 0;
    this.#attributesSeen = 0;
    this.#withdrawVerdict = 0;
    this.#bytes = bytes;
    this.#session = session;
    // Numbers begin anew after four thousand million messages.
    this.#number = (this.#number + 1) >>> 0;
    if (this.#number === 0) {
      this.#seen.fill(0);
      this.#number = 1;
    }
  }

  /** The lengths (RFC 4271 §6.3), then both lists of IPv4 prefixes (RFC 7606 §5.3). */
  #readFields(): boolean {
    const bytes = this.#bytes;
    const end = bytes.length;
    this.withdrawnFrom = 21;
    this.withdrawnTo = 21 + u16At(bytes, 19);
    if (this.withdrawnTo + 2 > end) {
      return this.#reset(1, "Withdrawn Routes Length", 19);
    }
    this.#attributesFrom = this.withdrawnTo + 2;
    this.#attributesTo = this.#attributesFrom +
      u16At(bytes, this.withdrawnTo);
    if (this.#attributesTo > end) {
      return this.#reset(
        UPDATE_ERROR.malformedAttributeList,
        "Total Path Attribute Length",
        this.withdrawnTo,
      );
    }
    this.nlriFrom = this.#attributesTo;
    this.nlriTo = end;
    const session = this.#session as UpdateSession;
    const addPath = session.addPathReceive.includes("ipv4-unicast");
    const withdrawn = countNlri(
      bytes,
      this.withdrawnFrom,
      this.withdrawnTo,
      32,
      addPath,
    );
    if (withdrawn < 0) return this.#badNetwork("Withdrawn Routes", withdrawn);
    const nlri = countNlri(bytes, this.nlriFrom, end, 32, addPath);
    if (nlri < 0) return this.#badNetwork("NLRI", nlri);
    if (withdrawn + nlri > 0 && !session.families.includes("ipv4-unicast")) {
      this.#note(FOREIGN_FAMILY, 0, "NLRI", this.nlriFrom);
      this.withdrawnTo = this.withdrawnFrom;
      this.nlriFrom = this.nlriTo;
      return true;
    }
    this.withdrawnCount = withdrawn;
    this.nlriCount = nlri;
    return true;
  }

  #readAttributes(): void {
    const bytes = this.#bytes;
    const end = this.#attributesTo;
    let at = this.#attributesFrom;
    while (at < end) {
      this.#attributesSeen++;
      const flags = bytes[at] as number;
      const long = (flags & ATTRIBUTE_FLAG.extendedLength) !== 0;
      const from = at + (long ? 4 : 3);
      const type = at + 1 < end ? bytes[at + 1] as number : 0;
      if (from > end) {
        this.#overrun(type, at);
        return;
      }
      const to = from +
        (long ? u16At(bytes, at + 2) : bytes[at + 2] as number);
      if (to > end) {
        this.#overrun(type, at);
        return;
      }
      if (!this.#readAttribute(type, flags, at, from, to)) return;
      at = to;
    }
  }

  /** RFC 7606 §4: the rest is lost, but where the NLRI begins is known. */
  #overrun(type: number, at: number): void {
    if (isMp(type)) {
      // The routes in it are lost, too, so nothing can be withdrawn.
      this.#reset(UPDATE_ERROR.optionalAttribute, attributeName(type), at);
      return;
    }
    this.#note(OVERRUN, type, "Path Attributes", at, this.#attributesTo);
  }

  /** @returns Whether to go on. */
  #readAttribute(
    type: number,
    flags: number,
    at: number,
    from: number,
    to: number,
  ): boolean {
    if (this.#seen[type] === this.#number) {
      // RFC 7606 §3 g: the first counts, but of routes there may be one list only.
      if (isMp(type)) {
        return this.#reset(
          UPDATE_ERROR.malformedAttributeList,
          attributeName(type),
          at,
        );
      }
      this.#note(REPEATED, type, attributeName(type), at, to);
      return true;
    }
    this.#seen[type] = this.#number;
    if (isMp(type)) return this.#readMp(type, flags, at, from, to);
    const session = this.#session as UpdateSession;
    const verdict = checkAttribute(
      type,
      flags,
      this.#bytes,
      from,
      to,
      session,
    );
    if (verdict === 0) {
      this.#use(type, flags, from, to);
      return true;
    }
    if (actionOf(verdict) === ACTION.sessionReset) {
      const attribute = this.#bytes.slice(at, to);
      return this.#reset(
        subcodeOf(verdict),
        attributeName(type),
        at,
        attribute,
      );
    }
    this.#note(verdict, type, attributeName(type), at, to);
    return true;
  }

  #use(type: number, flags: number, from: number, to: number): void {
    this.order[this.attributeCount++] = type;
    this.flags[type] = flags;
    this.valueFrom[type] = from;
    this.valueTo[type] = to;
  }

  #readMp(
    type: number,
    flags: number,
    at: number,
    from: number,
    to: number,
  ): boolean {
    const mp = type === PATH_ATTRIBUTE.mpReach ? this.mpReach : this.mpUnreach;
    const session = this.#session as UpdateSession;
    const outcome = mp.read(this.#bytes, from, to, session);
    if (outcome === "foreign") {
      // RFC 4760 §7 lets routes of a family that was not negotiated be ignored.
      this.#note(FOREIGN_FAMILY, type, attributeName(type), at, to);
      return true;
    }
    if (outcome === "malformed" || !flagsFit(type, flags)) {
      return this.#mpError(mp.discard(), type, at, to);
    }
    this.#use(type, flags, from, to);
    return true;
  }

  /** RFC 7606 §5.3, §7.11, §7.12: the family or the session ends. */
  #mpError(
    family: UnicastFamily | undefined,
    type: number,
    at: number,
    to: number,
  ): boolean {
    const session = this.#session as UpdateSession;
    const another = this.disabledFamily !== undefined &&
      this.disabledFamily !== family;
    if (
      family === undefined || another || session.disableFamilyOnError !== true
    ) {
      return this.#reset(
        UPDATE_ERROR.optionalAttribute,
        attributeName(type),
        at,
        this.#bytes.slice(at, to),
      );
    }
    this.disabledFamily = family;
    this.#note(DISABLE, type, attributeName(type), at, to);
    return true;
  }

  /** What only the whole message shows: RFC 7606 §3 d, §5.2, RFC 4271 §6.3. */
  #judgeWhole(): void {
    const routes = this.nlriCount > 0 || this.mpReach.present;
    if (routes) {
      this.#require(PATH_ATTRIBUTE.origin);
      this.#require(PATH_ATTRIBUTE.asPath);
    }
    if (this.nlriCount > 0) {
      this.#require(PATH_ATTRIBUTE.nextHop);
      this.#judgeNextHop();
    }
    if (!this.withdrawn) return;
    const ignoredRoutes = this.mpReach.present &&
      this.mpReach.family === undefined;
    const reachable = this.nlriCount > 0 || this.mpReach.count > 0 ||
      ignoredRoutes;
    if (reachable) return;
    // RFC 7606 §5.2: where routes should be and are not, the lengths may lie.
    const subcode = subcodeOf(this.#withdrawVerdict);
    this.#reset(
      subcode,
      attributeName(this.#withdrawType),
      this.#withdrawAt,
      this.#dataOf(subcode),
    );
  }

  /** RFC 4271 §6.3: which data a subcode has. */
  #dataOf(subcode: number): Uint8Array {
    switch (subcode) {
      case UPDATE_ERROR.missingWellKnown:
        return Uint8Array.of(this.#withdrawType);
      case UPDATE_ERROR.malformedAttributeList:
      case UPDATE_ERROR.malformedAsPath:
        return NO_BYTES;
      default:
        return this.#bytes.slice(this.#withdrawAt, this.#withdrawTo);
    }
  }

  #require(type: number): void {
    if (this.#seen[type] === this.#number) return;
    this.#note(MISSING, type, attributeName(type), this.#attributesFrom);
  }

  #judgeNextHop(): void {
    const type = PATH_ATTRIBUTE.nextHop;
    for (let i = 0; i < this.attributeCount; i++) {
      if (this.order[i] !== type) continue;
      const at = this.valueFrom[type] as number;
      if (isUnusableIpv4(this.#bytes, at)) {
        this.#note(BAD_NEXT_HOP, type, attributeName(type), at, at + 4);
      }
    }
  }

  #badNetwork(field: string, found: number): boolean {
    return this.#reset(UPDATE_ERROR.invalidNetworkField, field, -1 - found);
  }

  #reset(
    subcode: number,
    field: string,
    offsetBytes: number,
    data: Uint8Array = NO_BYTES,
  ): false {
    this.action = ACTION.sessionReset;
    this.reset = {
      notification: {
        kind: "notification",
        code: BGP_ERROR.updateMessage,
        subcode,
        data,
      },
      field,
      offsetBytes,
    };
    return false;
  }

  #note(
    verdict: number,
    type: number,
    field: string,
    at: number,
    to: number = at,
  ): void {
    const action = actionOf(verdict);
    if (action > this.action) this.action = action;
    if (action === ACTION.treatAsWithdraw && this.#withdrawVerdict === 0) {
      this.#withdrawVerdict = verdict;
      this.#withdrawType = type;
      this.#withdrawAt = at;
      this.#withdrawTo = to;
    }
    if (this.errors === NO_ERRORS) this.errors = [];
    if (this.errors.length === UPDATE_ERRORS_MAX) return;
    this.errors.push({
      action: ACTION_NAMES[action] as UpdateError["action"],
      field,
      attributeType: type,
      subcode: subcodeOf(verdict),
      offsetBytes: at,
    });
  }
}

function isMp(type: number): boolean {
  return type === PATH_ATTRIBUTE.mpReach || type === PATH_ATTRIBUTE.mpUnreach;
}

const NO_BYTES = new Uint8Array(0);
const NO_ERRORS: UpdateError[] = [];

const OVERRUN = ACTION.treatAsWithdraw << 8 |
  UPDATE_ERROR.malformedAttributeList;
const REPEATED = ACTION.attributeDiscard << 8 |
  UPDATE_ERROR.malformedAttributeList;
const MISSING = ACTION.treatAsWithdraw << 8 | UPDATE_ERROR.missingWellKnown;
const BAD_NEXT_HOP = ACTION.treatAsWithdraw << 8 |
  UPDATE_ERROR.invalidNextHop;
const DISABLE = ACTION.disableFamily << 8 | UPDATE_ERROR.optionalAttribute;
const FOREIGN_FAMILY = ACTION.attributeDiscard << 8 |
  UPDATE_ERROR.optionalAttribute;
