/**
 * Sockets to rtnetlink.
 *
 * @module
 */

import { SOCK_NONBLOCK_CLOEXEC } from "./_sockets.ts";
import { check, closeFd, libc, outcome } from "./libc.ts";

/**
 * Opens a socket.
 *
 * @param groups What to be told of, a bit for each (RTMGRP).
 * @returns Its descriptor.
 */
export function openNetlink(groups: number): number {
  const action = "ask the kernel for its network";
  const fd = check(
    outcome(
      libc().socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, 0),
    ),
    "socket",
    action,
  );
  // struct sockaddr_nl
  const address = new DataView(new ArrayBuffer(SOCKADDR_NL_BYTES));
  address.setUint16(0, AF_NETLINK, true);
  address.setUint32(8, groups, true);
  const bytes = new Uint8Array(address.buffer);
  const bound = outcome(libc().bind(fd, bytes, bytes.length));
  if (bound < 0) closeFd(fd);
  check(bound, "bind", action);
  return fd;
}

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCKADDR_NL_BYTES = 12;
