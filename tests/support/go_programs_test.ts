import { strictEqual, throws } from "node:assert/strict";
import { chooseGo, GoBuildError } from "./go_programs.ts";

Deno.test("chooseGo() takes the first that can fetch another", () => {
  const found = [
    { command: "a", version: undefined },
    { command: "b", version: "1.19.8" },
    { command: "c", version: "1.21.0" },
    { command: "d", version: "2.0" },
  ];
  strictEqual(chooseGo(found, "go1.26.8", "Kubernetes"), "c");
});

Deno.test.each([
  { version: undefined, said: /: Go is missing, install 1\.21 or newer/ },
  { version: "1.19.8", said: /: Go 1\.19\.8 is too old, install 1\.21/ },
])(
  "chooseGo() says what would be right instead of $version",
  ({ version, said }) => {
    throws(
      () => chooseGo([{ command: "go", version }], "go1.26.8", "Kubernetes"),
      (error) => {
        strictEqual(error instanceof GoBuildError, true);
        return said.test(String(error));
      },
    );
  },
);
