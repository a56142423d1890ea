import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { formatReport, formatTable, type Report } from "./report.ts";

const REPORT: Report = {
  title: "Figures",
  command: "deno task bench --write",
  machine: ["A processor, 2 cores"],
  parts: [{
    title: "ARP",
    method: ["One request at a time."],
    tables: [{
      title: "Latency in µs",
      columns: ["who", "p50"],
      rows: [["kernel", "7.2"], ["Foghorn", "19.1"]],
    }],
    figures: [{
      name: "arp-p50",
      what: "ARP answered, median",
      value: "19.1 µs",
    }],
    floors: [
      { promise: "p50 at most 4 times the kernel", measured: "2.7", met: true },
      { promise: "100,000 a second", measured: "50,000", met: false },
    ],
  }],
  skipped: ["agent: no network namespaces"],
  elsewhere: ["[soak.md](soak.md): half an hour of trouble"],
};

Deno.test("formatTable() aligns names left and figures right", () => {
  deepStrictEqual(
    formatTable({
      title: "",
      columns: ["who", "p50"],
      rows: [["kernel", "7.2"]],
    }),
    ["| who    | p50 |", "| ------ | --: |", "| kernel | 7.2 |"],
  );
});

Deno.test("formatReport() says what was measured, promised and left out", () => {
  const page = formatReport(REPORT);
  ok(page.includes("<!-- figure: arp-p50 -->19.1 µs<!-- /figure -->"));
  ok(/p50 at most 4 times the kernel +\| +2\.7 \| +met \|/.test(page));
  ok(/100,000 a second +\| +50,000 \| +\*\*not met\*\* \|/.test(page));
  ok(page.includes("## Not measured\n\n- agent: no network namespaces\n"));
  ok(page.includes("## Elsewhere\n\n- [soak.md](soak.md): half an hour"));
});

Deno.test("formatReport() writes what deno fmt leaves alone", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "fmt",
      "--check",
      "--no-config",
      "--prose-wrap=preserve",
      "--ext=md",
      "-",
    ],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(formatReport(REPORT)));
  await writer.close();
  const { success } = await child.status;
  strictEqual(success, true);
});
