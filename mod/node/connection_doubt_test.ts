import { deepStrictEqual as deepEqual, match } from "node:assert/strict";
import {
  type ConnectionAttempt,
  doubtOf,
  type DropCounts,
} from "./connection_doubt.ts";

const NONE: DropCounts = {
  md5Missing: 7,
  md5Unexpected: 7,
  md5Wrong: 7,
  tooFar: 7,
};

const SIGNED: ConnectionAttempt = {
  outcome: "timed-out",
  signed: true,
  droppedSegments: 2,
};
const NEAR: ConnectionAttempt = { ...SIGNED, signed: false, gtsmHopsMax: 1 };

interface Row {
  readonly name: string;
  readonly rose: Partial<DropCounts>;
  readonly attempt: ConnectionAttempt;
  /** Reason, and whether it is sure. */
  readonly doubt: string | undefined;
}

const ROWS: readonly Row[] = [
  {
    name: "a password that differs",
    rose: { md5Wrong: 8 },
    attempt: SIGNED,
    doubt: "password-differs sure",
  },
  {
    name: "a password the peer has not",
    rose: { md5Missing: 9 },
    attempt: SIGNED,
    doubt: "password-missing-there sure",
  },
  {
    name: "a password that is missing here",
    rose: { md5Unexpected: 8 },
    attempt: { ...SIGNED, signed: false },
    doubt: "password-missing-here sure",
  },
  {
    name: "a peer too far away",
    rose: { tooFar: 12 },
    attempt: NEAR,
    doubt: "too-far sure",
  },
  {
    name: "a peer that dials us with another password",
    rose: { md5Wrong: 8 },
    attempt: { ...SIGNED, droppedSegments: 0 },
    doubt: "password-differs",
  },
  {
    name: "a peer that is waited for",
    rose: { md5Missing: 8 },
    attempt: { outcome: "waiting", signed: true, droppedSegments: 0 },
    doubt: "password-missing-there",
  },
  {
    name: "two reasons, of which one is another peer's",
    rose: { md5Wrong: 8, md5Missing: 8 },
    attempt: SIGNED,
    doubt: "password-differs",
  },
  {
    name: "what is counted for peers with other settings",
    rose: { md5Unexpected: 8, tooFar: 9 },
    attempt: SIGNED,
    doubt: "silent",
  },
  {
    name: "signatures that are wrong for somebody else",
    rose: { md5Wrong: 8, md5Missing: 8 },
    attempt: NEAR,
    doubt: "silent",
  },
  { name: "silence", rose: {}, attempt: SIGNED, doubt: "silent" },
  {
    name: "a peer that has not dialed yet",
    rose: {},
    attempt: { outcome: "waiting", signed: true, droppedSegments: 0 },
    doubt: undefined,
  },
  {
    name: "a dial that was told why it failed",
    rose: { md5Wrong: 8 },
    attempt: { ...SIGNED, outcome: "told" },
    doubt: undefined,
  },
  {
    name: "a connection that is up",
    rose: { md5Wrong: 8 },
    attempt: { ...SIGNED, outcome: "connected" },
    doubt: undefined,
  },
  {
    name: "counts that began anew",
    rose: { md5Wrong: 0, md5Missing: 0 },
    attempt: SIGNED,
    doubt: "silent",
  },
];

Deno.test.each(ROWS)(
  "doubtOf() judges $name",
  ({ rose, attempt, doubt }) => {
    const found = doubtOf(NONE, { ...NONE, ...rose }, attempt);
    const told = found && `${found.reason}${found.sure ? " sure" : ""}`;
    deepEqual(told, doubt);
  },
);

Deno.test("doubtOf() says what to look for where nothing was heard", () => {
  const messageOf = (attempt: ConnectionAttempt): string =>
    doubtOf(NONE, NONE, attempt)?.message ?? "";
  match(messageOf(SIGNED), /its password differs or is missing/);
  match(messageOf(NEAR), /it expects a password, or its GTSM permits fewer/);
});

Deno.test("doubtOf() says that a count of the machine may be another peer's", () => {
  const attempt = { ...SIGNED, droppedSegments: 0 };
  const doubt = doubtOf(NONE, { ...NONE, md5Wrong: 8 }, attempt);
  match(doubt?.message ?? "", /differs: .* may be another peer's$/);
});
