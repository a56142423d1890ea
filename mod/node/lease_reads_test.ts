import { deepStrictEqual } from "node:assert/strict";
import { LeaseReads } from "./lease_reads.ts";

const STORIES: readonly {
  readonly name: string;
  readonly reads:
    readonly (readonly [string | undefined, string | undefined])[];
  readonly verdicts: readonly string[];
}[] = [
  {
    name: "what is as new fits",
    reads: [["20", "20"], ["21", "20"], ["5", undefined], [
      undefined,
      undefined,
    ]],
    verdicts: ["fits", "fits", "fits", "fits"],
  },
  {
    name: "an old cache is not believed",
    reads: [["19", "20"], ["19", "20"], ["21", "20"], ["19", "21"]],
    verdicts: ["behind", "behind", "fits", "behind"],
  },
  {
    name: "the third in a row is",
    reads: [["19", "20"], ["19", "20"], ["19", "20"], ["20", "19"]],
    verdicts: ["behind", "behind", "set-back", "fits"],
  },
  {
    name: "a Lease that was never deleted and is gone shows it at once",
    reads: [[undefined, "20"]],
    verdicts: ["set-back"],
  },
];

Deno.test.each(STORIES)("LeaseReads: $name", ({ reads, verdicts }) => {
  const told = new LeaseReads();
  deepStrictEqual(
    reads.map(([version, known]) => told.judge("n1", version, known)),
    verdicts,
  );
});

Deno.test("LeaseReads counts each Lease by itself", () => {
  const told = new LeaseReads();
  deepStrictEqual(
    ["a", "b", "a", "b", "a"].map((name) => told.judge(name, "19", "20")),
    ["behind", "behind", "behind", "behind", "set-back"],
  );
});
