import { deepStrictEqual } from "node:assert/strict";
import { parseJunit } from "./junit.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="6" failures="2" errors="0" time="0.011">
    <testsuite name="./c_test.ts" tests="6" disabled="1" errors="0" failures="2">
        <testcase name="plain" classname="./c_test.ts" time="0.001" line="1" col="6">
        </testcase>
        <testcase name="steps" classname="./c_test.ts" time="0.002" line="2" col="6">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="a &gt; b (skipped: &lt;x&gt; &amp; &quot;y&quot;)" classname="./c_test.ts" time="0.000" line="3" col="6">
            <skipped/>
        </testcase>
        <testcase name="steps &gt; one" classname="./c_test.ts" time="0.000" line="2" col="43">
        </testcase>
        <testcase name="steps &gt; two" classname="./c_test.ts" time="0.001" line="2" col="74">
            <failure message="Uncaught Error: no">Error: no</failure>
        </testcase>
    </testsuite>
    <testsuite name="./d_test.ts" tests="1" disabled="0" errors="0" failures="0">
        <testcase name="plain" classname="./d_test.ts" time="0.001" line="1" col="6"/>
    </testsuite>
</testsuites>`;

Deno.test("parseJunit() reads tests, not their steps", () => {
  deepStrictEqual(parseJunit(REPORT), [
    { name: "plain", outcome: "passed" },
    { name: "steps", outcome: "failed" },
    { name: 'a > b (skipped: <x> & "y")', outcome: "skipped" },
    { name: "plain", outcome: "passed" },
  ]);
});

Deno.test("parseJunit() finds nothing in a report that was cut off", () => {
  deepStrictEqual(parseJunit(""), []);
});
