import { deepStrictEqual as deepEqual } from "node:assert/strict";

const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;

/** Reads standard input as a process of its own, and tells what came. */
const READER = `
import { Reactor, readStandardInput } from ${
  JSON.stringify(new URL("./mod.ts", import.meta.url).href)
};
const reactor = new Reactor();
const seen = [];
const stop = readStandardInput(reactor, (bytes) => {
  seen.push(bytes === undefined ? "end" : new TextDecoder().decode(bytes));
  if (seen.length === 1) console.log("first");
  if (bytes === undefined) {
    console.log(JSON.stringify(seen));
    void reactor.close();
  }
});
if (stop === undefined) {
  console.log("not polled");
  void reactor.close();
}
`;

async function start(
  stdin: "piped" | "null",
): Promise<Deno.ChildProcess & { readonly file: string }> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, READER);
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `--config=${CONFIG}`, file],
    stdin,
    stdout: "piped",
  }).spawn();
  return Object.assign(process, { file });
}

Deno.test("readStandardInput() gives what comes from a pipe, at once, and its end", async () => {
  await using process = await start("piped");
  const writer = process.stdin.getWriter();
  const lines = process.stdout.pipeThrough(new TextDecoderStream())
    .getReader();
  await writer.write(new TextEncoder().encode("one"));
  // It is not kept until more comes.
  deepEqual((await lines.read()).value, "first\n");
  await writer.write(new TextEncoder().encode("two"));
  await writer.close();
  let text = "";
  for (;;) {
    // deno-lint-ignore no-await-in-loop -- until the process has ended
    const { value, done } = await lines.read();
    if (done) break;
    text += value;
  }
  await Deno.remove(process.file);
  const seen = JSON.parse(text) as readonly string[];
  deepEqual([seen.at(-1), seen.slice(0, -1).join("")], ["end", "onetwo"]);
});

Deno.test("readStandardInput() leaves what cannot be waited for to others", async () => {
  await using process = await start("null");
  const text = await new Response(process.stdout).text();
  await Deno.remove(process.file);
  deepEqual(text, "not polled\n");
});
