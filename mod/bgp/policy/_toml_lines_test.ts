import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { nearestTomlKey, tomlLines, tomlPath } from "./_toml_lines.ts";

Deno.test("tomlLines() finds keys in tables, arrays, inline tables and behind long texts", () => {
  const lines = tomlLines(`# [no.header]
a = 1 # a = 2
"b c".d = "x # no comment"
e = """
[f]
g = 1"""
h = [ # (
  1, 'a]',
  { i = 1, j = { k = [] } },
]
[[l.m]]
n = 1
[l.m.o]
p = '''
'''
[[l.m]]
N = 1
[[l.m.q]]
r = 1
[[l.m.q]]
r = 1979-05-27 07:32:00
`);
  const found = Object.fromEntries(lines);
  deepStrictEqual(found, {
    "a": 2,
    '"b c"': 3,
    '"b c".d': 3,
    "e": 4,
    "h": 7,
    "h[0]": 8,
    "h[1]": 8,
    "h[2]": 9,
    "h[2].i": 9,
    "h[2].j": 9,
    "h[2].j.k": 9,
    "l": 11,
    "l.m": 11,
    "l.m[0]": 11,
    "l.m[0].n": 12,
    "l.m[0].o": 13,
    "l.m[0].o.p": 14,
    "l.m[1]": 16,
    "l.m[1].n": 17,
    "l.m[1].q": 18,
    "l.m[1].q[0]": 18,
    "l.m[1].q[0].r": 19,
    "l.m[1].q[1]": 20,
    "l.m[1].q[1].r": 21,
  });
});

Deno.test("tomlLines() ends, also where a text ends too soon", () => {
  const text = `a = [{ b = """x""" }, 'y']\n[[c."d"]]\ne.f = { g = 1 }\n`;
  for (let length = 0; length < text.length; length++) {
    tomlLines(text.slice(0, length));
  }
});

Deno.test("tomlPath() writes bare keys bare, and others in quotes", () => {
  strictEqual(tomlPath(["a-b", 0, "c d", 1]), 'a-b[0]."c d"[1]');
  strictEqual(tomlPath([]), "");
});

Deno.test("nearestTomlKey() gives the table and the key on a line or before it", () => {
  const text = "a = 1\n[[b.c]]\nd = [\n1,\n[e]\n";
  strictEqual(nearestTomlKey(text, 1), "a");
  strictEqual(nearestTomlKey(text, 4), "b.c.d");
  strictEqual(nearestTomlKey(text, 5), "e");
  strictEqual(nearestTomlKey("", 1), "");
});
