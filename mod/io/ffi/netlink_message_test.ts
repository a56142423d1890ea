import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import fc from "fast-check";
import {
  decodeAddress,
  decodeGateways,
  decodeLink,
  decodeNeighbor,
  decodeRoute,
} from "./kernel_network.ts";
import {
  decodeAttributes,
  decodeNetlinkMessages,
  encodeAttribute,
  encodeNetlinkRequest,
  NLM_F,
  RTM,
  text,
  word,
} from "./netlink_message.ts";

const body = fc.uint8Array({ maxLength: 40 });

Deno.test("decodeNetlinkMessages() reads what encodeNetlinkRequest() writes", () => {
  fc.assert(fc.property(
    fc.array(fc.record({ type: fc.nat(0xffff), sequence: fc.nat(), body })),
    (requests) => {
      const written = requests.map(({ type, ...rest }) =>
        padded(encodeNetlinkRequest(type, { flags: NLM_F.dump, ...rest }))
      );
      const read = [...decodeNetlinkMessages(joined(written))];
      deepEqual(
        read.map(({ type, flags, sequence, body }) => [
          type,
          flags,
          sequence,
          body.toHex(),
        ]),
        requests.map((request) => [
          request.type,
          NLM_F.request | NLM_F.dump,
          request.sequence,
          request.body.toHex(),
        ]),
      );
    },
  ));
});

Deno.test("decodeAttributes() reads what encodeAttribute() writes", () => {
  fc.assert(fc.property(
    fc.uniqueArray(fc.tuple(fc.nat(0x3fff), body), {
      selector: ([type]) => type,
    }),
    (attributes) => {
      const written = attributes.map(([type, value]) =>
        encodeAttribute(type, value)
      );
      deepEqual(
        [...decodeAttributes(joined(written))].map(([type, value]) => [
          type,
          value.toHex(),
        ]),
        attributes.map(([type, value]) => [type, value.toHex()]),
      );
    },
  ));
});

Deno.test("decoders never throw, whatever was cut or flipped", () => {
  const types = [RTM.newLink, RTM.newAddress, RTM.newRoute, RTM.newNeighbor];
  const nested = fc.tuple(fc.nat(40), body).map(([type, value]) =>
    encodeAttribute(type, value)
  );
  fc.assert(fc.property(
    fc.constantFrom(...types),
    fc.uint8Array({ minLength: 8, maxLength: 16 }),
    fc.array(nested, { maxLength: 6 }),
    fc.tuple(fc.nat(), fc.nat(255), fc.nat(300)),
    (type, header, attributes, [at, flip, length]) => {
      const message = encodeNetlinkRequest(type, {
        flags: 0,
        sequence: 1,
        body: joined([header, ...attributes]),
      });
      const index = at % message.length;
      message[index] = (message[index] ?? 0) ^ flip;
      for (
        const message_ of decodeNetlinkMessages(message.subarray(0, length))
      ) {
        decodeLink(message_);
        decodeAddress(message_);
        decodeRoute(message_);
        decodeGateways(message_);
        decodeNeighbor(message_);
      }
    },
  ));
});

Deno.test("word() and text() read what is there, and no more", () => {
  equal(word(Uint8Array.of(1, 2, 3, 0xff)), 0xff03_0201);
  equal(word(Uint8Array.of(1, 2, 3)), undefined);
  equal(word(Uint8Array.of(0, 1, 0, 0, 0), 1), 1);
  equal(word(undefined), undefined);
  equal(text(Uint8Array.of(0x61, 0x62, 0, 0x63)), "ab");
  equal(text(Uint8Array.of(0x61)), "a");
  equal(text(undefined), "");
});

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array((bytes.length + 3) & ~3);
  whole.set(bytes);
  return whole;
}
