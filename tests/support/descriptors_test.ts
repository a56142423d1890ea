import { rejects, strictEqual } from "node:assert/strict";
import { leavesNoDescriptor, openDescriptors } from "./descriptors.ts";

Deno.test("openDescriptors() sees a file that is open", () => {
  const path = new URL(import.meta.url).pathname;
  using _file = Deno.openSync(path);
  strictEqual([...openDescriptors().values()].includes(path), true);
});

Deno.test("leavesNoDescriptor() refuses one that stays open", async () => {
  const path = new URL(import.meta.url).pathname;
  const left: Deno.FsFile[] = [];
  await rejects(
    leavesNoDescriptor(() => void left.push(Deno.openSync(path))),
    /descriptors_test/,
  );
  left.forEach((file) => file.close());
  await leavesNoDescriptor(() => Deno.openSync(path).close());
});
