import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import {
  decodeRecordingLine,
  encodeRecordingLine,
  type RecordingLine,
} from "./recording.ts";

const LINES: readonly RecordingLine[] = [
  { kind: "start", format: 1, config: { node: "n1", seed: 7 } },
  { kind: "taken", at: { nowMs: 1.5 }, events: [{ kind: "deadline" }] },
  {
    kind: "asked",
    effects: [new Map([["a", new Map([[1, 2n]])]]), 2n ** 70n, null, "x\n"],
  },
];

Deno.test("encodeRecordingLine() is read back as it was, in one line", () => {
  for (const line of LINES) {
    const text = encodeRecordingLine(line);
    strictEqual(text.includes("\n"), false);
    const read = decodeRecordingLine(text);
    deepStrictEqual(read.ok && read.value, line);
    strictEqual(read.ok && encodeRecordingLine(read.value), text);
  }
});

Deno.test("encodeRecordingLine() leaves keys out, the same in events and effects", () => {
  const object = { wireKey: "c2VjcmV0", meta: { name: "foghorn-wire-key" } };
  const events = [{ kind: "watch", news: { kind: "changed", object } }];
  const taken = encodeRecordingLine({ kind: "taken", at: {}, events });
  const { wireKey } = object;
  const effects = [{ kind: "wire", command: { kind: "cluster", wireKey } }];
  const asked = encodeRecordingLine({ kind: "asked", effects });
  for (const text of [taken, asked]) {
    strictEqual(text.includes(wireKey), false);
    // Long enough to be taken for a key when it is replayed.
    match(text, /"wireKey":"[A-Za-z0-9+/]{22,}==?"/);
  }
});

Deno.test("decodeRecordingLine() refuses what is no line", () => {
  for (
    const text of [
      "",
      "{",
      "null",
      "1",
      `{"kind":"else"}`,
      `{"kind":"start","format":2,"config":{}}`,
      `{"kind":"start","format":1}`,
      `{"kind":"taken","at":{}}`,
      `{"kind":"asked","effects":{}}`,
      `{"at":{"nowMs":1},"events":[]}`,
    ]
  ) {
    const read = decodeRecordingLine(text);
    match(read.ok ? "it was read" : read.error, /^Cannot read a line/, text);
  }
});

Deno.test("encodeRecordingLine() leaves the passwords of BGP peers out, the same in events and effects", () => {
  const conf = { neighborAddress: "192.0.2.1", authPassword: "secret" };
  const events = [{ kind: "watch", watched: "bgppeer", object: { conf } }];
  const terms = { target: { md5Key: "secret" }, md5Key: "secret" };
  const effects = [{ kind: "bgp", command: { kind: "set-peer", terms } }];
  const texts = [
    encodeRecordingLine({ kind: "taken", at: {}, events }),
    encodeRecordingLine({ kind: "asked", effects }),
  ];
  const shown = texts.flatMap((text) =>
    [...text.matchAll(/"(?:authPassword|md5Key)":"([^"]*)"/g)].map(([, key]) =>
      key
    )
  );
  strictEqual(texts.join().includes("secret"), false);
  strictEqual(shown.length, 3);
  strictEqual(new Set(shown).size, 1);
});
