import { strictEqual, throws } from "node:assert/strict";
import { formatSpread, median, percentile, spread } from "./statistics.ts";

Deno.test.each([
  { what: "one", samples: [3], share: 0.5, sample: 3 },
  { what: "the middle", samples: [4, 1, 3, 2], share: 0.5, sample: 2 },
  { what: "the smallest", samples: [4, 1, 3, 2], share: 0, sample: 1 },
  { what: "the largest", samples: [4, 1, 3, 2], share: 1, sample: 4 },
  {
    what: "the third largest of 200",
    samples: Array.from({ length: 200 }, (_, i) => i),
    share: 0.99,
    sample: 197,
  },
])("percentile() takes $what", ({ samples, share, sample }) => {
  strictEqual(percentile(samples, share), sample);
});

Deno.test("median() takes the middle, or the mean of the two there", () => {
  strictEqual(median([9, 1, 5]), 5);
  strictEqual(median([9, 1, 5, 6]), 5.5);
});

Deno.test("percentile() and median() refuse to make up a figure", () => {
  throws(() => percentile([], 0.5), RangeError);
  throws(() => median([]), RangeError);
});

Deno.test("formatSpread() shows a range where there is one", () => {
  const format = (value: number): string => value.toFixed(1);
  strictEqual(formatSpread(spread([2, 1, 4]), format), "2.0 (1.0 to 4.0)");
  strictEqual(formatSpread(spread([2, 2.01]), format), "2.0");
});
