import { strictEqual } from "node:assert/strict";
import { PackedNlri } from "./packed_nlri.ts";

Deno.test("pieceEnd() fills a piece to its last byte, and cuts no prefix", () => {
  for (const addPath of [false, true]) {
    const list = new PackedNlri("ipv4-unicast", { addPath });
    for (let i = 0; i < 4; i++) list.pushIpv4(0xc000_0200 + i, 32, i);
    const each = list.byteLength / 4;
    strictEqual(list.pieceEnd(0, 2 * each - 1), each);
    strictEqual(list.pieceEnd(0, 2 * each), 2 * each);
    strictEqual(list.pieceEnd(0, 2 * each + 1), 2 * each);
    strictEqual(list.pieceEnd(each, 2 * each), 3 * each);
    strictEqual(list.pieceEnd(each, 9 * each), 4 * each);
    strictEqual(list.pieceEnd(0, each - 1), 0);
  }
});
