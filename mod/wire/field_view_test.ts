import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import fc from "fast-check";
import { FieldView } from "./_field_view.ts";

const U64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

Deno.test("FieldView reads as DataView does", () => {
  fc.assert(fc.property(
    fc.uint8Array({ minLength: 12, maxLength: 80 }),
    fc.nat({ max: 4 }),
    (bytes, from) => {
      const view = new FieldView(bytes, from);
      const data = new DataView(bytes.buffer, bytes.byteOffset + from);
      equal(view.byteLength, data.byteLength);
      equal(view.getUint8(0), data.getUint8(0));
      equal(view.getUint16(0), data.getUint16(0));
      equal(view.getUint32(0), data.getUint32(0));
      equal(view.getBigUint64(0), data.getBigUint64(0));
      deepEqual(view.slice(1, 3), bytes.subarray(from + 1, from + 4));
    },
  ));
});

Deno.test("FieldView writes what it reads, and nothing beside it", () => {
  fc.assert(fc.property(U64, fc.nat({ max: 4 }), (value, from) => {
    const bytes = new Uint8Array(16).fill(0xaa);
    const expected = bytes.slice();
    const view = new FieldView(bytes, from);
    const data = new DataView(expected.buffer, from);
    const low = Number(value & 0xffff_ffffn);
    view.setBigUint64(0, value);
    data.setBigUint64(0, value);
    deepEqual(bytes, expected);
    view.setUint32(8, low);
    data.setUint32(8, low);
    deepEqual(bytes, expected);
    view.setUint16(2, low & 0xffff);
    data.setUint16(2, low & 0xffff);
    view.setUint8(5, low & 0xff);
    data.setUint8(5, low & 0xff);
    view.setBytes(6, Uint8Array.of(1, 2));
    expected.set([1, 2], from + 6);
    deepEqual(bytes, expected);
  }));
});
