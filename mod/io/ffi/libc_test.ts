import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { allocate, check, closeFd, libc, outcome } from "./libc.ts";
import { ERRNO, errnoNameOf, OsError } from "./os_error.ts";

Deno.test("outcome() tells the error of the call before it, also while memory is collected", () => {
  const wrong: number[] = [];
  let garbage: unknown[] = [];
  for (let i = 0; i < 200_000; i++) {
    const bad = outcome(libc().close(-1));
    if (bad !== -ERRNO.EBADF) wrong.push(bad);
    const refused = outcome(libc().socket(-1, 0, 0));
    if (refused !== -ERRNO.EAFNOSUPPORT) wrong.push(refused);
    garbage.push({ i, text: `x${i}` });
    if (garbage.length > 10_000) garbage = [];
  }
  deepEqual(wrong, []);
});

Deno.test("check() names what was tried and what would be right", () => {
  equal(check(3, "socket", "open a socket"), 3);
  throws(
    () => check(-1, "socket", "open a socket", { 1: "CAP_NET_RAW is missing" }),
    (error) =>
      error instanceof OsError && error.call === "socket" &&
      error.errno === 1 && error.errnoName === "EPERM" &&
      error.name === "OsError" &&
      error.message ===
        "Cannot open a socket: EPERM, CAP_NET_RAW is missing",
  );
  throws(
    () => check(-ERRNO.EBADF, "close", "close it", { 1: "no" }),
    /^OsError: Cannot close it: EBADF$/,
  );
  equal(errnoNameOf(133), "errno 133");
});

Deno.test("allocate() gives zeroed pages, and takes them from their views", () => {
  const memory = allocate(10_000);
  const bytes = new Uint8Array(memory.buffer);
  equal(bytes.length, 10_000);
  ok(bytes.every((byte) => byte === 0));
  equal(memory.address % 4096n, 0n);
  bytes[9_999] = 7;
  memory.free();
  memory.free();
  equal(bytes.length, 0);
  bytes[0] = 1;
  equal(bytes[0], undefined);
});

Deno.test("allocate() refuses what the machine has not", () => {
  throws(() => allocate(0), /Memory has a size/);
  throws(
    () => allocate(2 ** 50),
    /^OsError: Cannot allocate 1125899906842624 bytes: ENOMEM$/,
  );
});

Deno.test("closeFd() does not mind a descriptor that is closed", () => {
  closeFd(-1);
});
