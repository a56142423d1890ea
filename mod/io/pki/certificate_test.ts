import { match, ok, strictEqual } from "node:assert/strict";
import {
  certificateFacts,
  makeAuthority,
  makeServerCertificate,
  splitCertificates,
} from "./certificate.ts";
import { integer, objectIdentifier, time } from "./der.ts";

const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const NAMES = ["foghorn-admission.openelb-system.svc", "second.example.org"];
const VALIDITY = { notBeforeMs: START_MS, notAfterMs: START_MS + 86_400_000 };

Deno.test("makeServerCertificate() gives what openssl verifies by the authority alone", async () => {
  const authority = await makeAuthority("lab", VALIDITY);
  const other = await makeAuthority("lab", VALIDITY);
  const pair = await makeServerCertificate(authority, {
    ...VALIDITY,
    names: NAMES,
  });
  const at = String(START_MS / 1000 + 60);
  ok((await openssl(pair.cert, authority.cert, at)).success);
  strictEqual((await openssl(pair.cert, other.cert, at)).success, false);
  const late = await openssl(
    pair.cert,
    authority.cert,
    String(START_MS / 1000 + 90_000),
  );
  match(late.text, /expired/);
});

Deno.test("certificateFacts() reads names and validity", async () => {
  const authority = await makeAuthority("lab", VALIDITY);
  const pair = await makeServerCertificate(authority, {
    ...VALIDITY,
    names: NAMES,
  });
  const facts = certificateFacts(pair, authority.cert);
  ok(typeof facts === "object");
  strictEqual(facts.names.join(), NAMES.join());
  strictEqual(facts.notBeforeMs, VALIDITY.notBeforeMs);
  strictEqual(facts.notAfterMs, VALIDITY.notAfterMs);
});

Deno.test("certificateFacts() refuses a foreign key, a foreign authority, and what is no certificate", async () => {
  const authority = await makeAuthority("lab", VALIDITY);
  const other = await makeAuthority("lab", VALIDITY);
  const facts = { ...VALIDITY, names: NAMES };
  const pair = await makeServerCertificate(authority, facts);
  const { key } = await makeServerCertificate(authority, facts);
  strictEqual(
    certificateFacts({ ...pair, key }),
    "the key is not that of the certificate",
  );
  strictEqual(
    certificateFacts(pair, other.cert),
    "the certificate is signed by none of ca.crt",
  );
  ok(typeof certificateFacts(pair, other.cert + authority.cert) === "object");
  match(String(certificateFacts({ cert: "", key: "" })), /cannot be read/);
});

Deno.test("a certificate of which one byte is changed is not signed", async () => {
  const authority = await makeAuthority("lab", VALIDITY);
  const facts = { ...VALIDITY, names: NAMES };
  const { cert, key } = await makeServerCertificate(authority, facts);
  const at = cert.indexOf("\n", 100) + 20;
  const changed = cert.slice(0, at) + (cert[at] === "A" ? "B" : "A") +
    cert.slice(at + 1);
  strictEqual(
    typeof certificateFacts({ cert: changed, key }, authority.cert),
    "string",
  );
});

Deno.test("splitCertificates() gives each by itself", async () => {
  const one = await makeAuthority("one", VALIDITY);
  const two = await makeAuthority("two", VALIDITY);
  strictEqual(splitCertificates(one.cert + two.cert).length, 2);
  strictEqual(splitCertificates(one.cert + two.cert)[1], two.cert);
});

Deno.test.each([
  { name: "zero", bytes: "00", hex: "020100" },
  { name: "127", bytes: "7f", hex: "02017f" },
  { name: "128, which needs a zero before it", bytes: "80", hex: "02020080" },
  { name: "zeros before 1", bytes: "000001", hex: "020101" },
])("integer() writes $name (X.690 §8.3)", ({ bytes, hex }) => {
  strictEqual(integer(Uint8Array.fromHex(bytes)).toHex(), hex);
});

Deno.test("objectIdentifier() writes ecdsa-with-SHA256 (RFC 5758 §3.2)", () => {
  strictEqual(
    objectIdentifier("1.2.840.10045.4.3.2").toHex(),
    "06082a8648ce3d040302",
  );
});

Deno.test("time() is UTCTime until 2049 and GeneralizedTime after (RFC 5280 §4.1.2.5)", () => {
  const text = (ms: number): string =>
    new TextDecoder().decode(time(ms).subarray(2));
  strictEqual(text(Date.UTC(2049, 11, 31, 23, 59, 59)), "491231235959Z");
  strictEqual(text(Date.UTC(2050, 0, 1)), "20500101000000Z");
});

async function openssl(
  certificate: string,
  authority: string,
  atSeconds: string,
): Promise<{ readonly success: boolean; readonly text: string }> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/c.pem`, certificate);
    await Deno.writeTextFile(`${folder}/ca.pem`, authority);
    const { success, stdout, stderr } = await new Deno.Command("openssl", {
      args: [
        "verify",
        "-x509_strict",
        ...["-purpose", "sslserver", "-attime", atSeconds],
        ...["-verify_hostname", NAMES[0] ?? "", "-CAfile", `${folder}/ca.pem`],
        `${folder}/c.pem`,
      ],
    }).output();
    const decoder = new TextDecoder();
    return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
