import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import { openDescriptors } from "../../../tests/support/descriptors.ts";
import { EventFd } from "./eventfd.ts";
import { countDescriptors, listDescriptors } from "./fd_count.ts";

Deno.test("listDescriptors() tells what Deno tells where everything is allowed", () => {
  using event = new EventFd();
  const listed = listDescriptors();
  equal(listed.get(event.fd), "anon_inode:[eventfd]");
  deepEqual([...listed], [...openDescriptors()].toSorted(([a], [b]) => a - b));
  equal(countDescriptors(), listed.size);
});
