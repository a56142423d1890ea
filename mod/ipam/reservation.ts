/**
 * Addresses that are never handed out although a pool has them, because
 * something of the network has them already.
 *
 * @module
 */

/** Why an address is not handed out; who has it already keeps it. */
export interface Reservation {
  /**
   * - `AddressReserved`: it belongs to the cluster, a node or a gateway has it.
   * - `AddressConflict`: a host that is none of the cluster answers for it.
   */
  readonly reason: "AddressReserved" | "AddressConflict";
  /** What it is, so that it can follow "the ip is": `a gateway of the node n1`. */
  readonly what: string;
}

/** Whether two reservations say the same. */
export function sameReservation(
  a: Reservation | undefined,
  b: Reservation | undefined,
): boolean {
  return a?.reason === b?.reason && a?.what === b?.what;
}
