/**
 * Certificates of a small authority of our own: made with WebCrypto, read with
 * Node's X509Certificate.
 *
 * Keys are of the curve P-256, signatures ECDSA with SHA-256 (RFC 5480, RFC
 * 5758): every API server takes them. See docs/adr/0011-admission-certificate.md.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  bitString,
  booleanTrue,
  der,
  ecdsaSignature,
  integer,
  objectIdentifier,
  octetString,
  pem,
  pemContent,
  sequence,
  setOf,
  tagged,
  time,
  utf8String,
} from "./der.ts";

/** A certificate and its private key, as PEM. */
export interface CertificatePair {
  /** The certificate; of an authority, others may follow it. */
  readonly cert: string;
  /** Its key, PKCS #8. */
  readonly key: string;
}

/** From when to when a certificate is valid. */
export interface Validity {
  /** Wall-clock milliseconds. */
  readonly notBeforeMs: number;
  /** Wall-clock milliseconds. */
  readonly notAfterMs: number;
}

/** What a pair is good for. */
export interface CertificateFacts extends Validity {
  /** The DNS names it is for. */
  readonly names: readonly string[];
}

/**
 * Makes an authority: a certificate signed by itself that may sign others.
 *
 * @param name Its common name.
 * @param validity From when to when.
 */
export async function makeAuthority(
  name: string,
  validity: Validity,
): Promise<CertificatePair> {
  const keys = await newKeys();
  const certificate = await signed({
    subject: name,
    issuer: name,
    validity,
    publicKey: keys.publicKey,
    signer: keys.privateKey,
    extensions: [
      // RFC 5280 §4.2.1.9: an authority, of servers only.
      extension(OID.basicConstraints, {
        critical: true,
        value: sequence(booleanTrue(), integer(new Uint8Array([0]))),
      }),
      // RFC 5280 §4.2.1.3: keyCertSign is bit 5.
      extension(OID.keyUsage, {
        critical: true,
        value: bitString(new Uint8Array([0b0000_0100]), 2),
      }),
      await subjectKeyIdentifier(keys.publicKey),
    ],
  });
  return { cert: pem(CERTIFICATE, certificate), key: await keyPem(keys) };
}

/**
 * Makes the certificate of a server.
 *
 * @param authority Who signs it.
 * @param facts Its DNS names, the first is also the common name, and its validity.
 * @throws {Error} When the authority cannot be read.
 */
export async function makeServerCertificate(
  authority: CertificatePair,
  facts: CertificateFacts,
): Promise<CertificatePair> {
  const [subject = ""] = facts.names;
  const signer = new X509Certificate(authority.cert);
  const spki = signer.publicKey.export({ format: "der", type: "spki" });
  const keys = await newKeys();
  const certificate = await signed({
    subject: subject.slice(0, COMMON_NAME_MAX),
    issuer: signer.subject.replace(/^CN=/, ""),
    validity: facts,
    publicKey: keys.publicKey,
    signer: await readKey(authority.key),
    extensions: [
      // RFC 5280 §4.2.1.3: digitalSignature is bit 0.
      extension(OID.keyUsage, {
        critical: true,
        value: bitString(new Uint8Array([0b1000_0000]), 7),
      }),
      extension(OID.extendedKeyUsage, {
        critical: false,
        value: sequence(objectIdentifier(OID.serverAuth)),
      }),
      // RFC 5280 §4.2.1.6: dNSName is [2].
      extension(OID.subjectAltName, {
        critical: false,
        value: sequence(
          ...facts.names.map((name) =>
            der(0x82, new TextEncoder().encode(name))
          ),
        ),
      }),
      // RFC 5280 §4.2.1.1: keyIdentifier is [0].
      extension(OID.authorityKeyIdentifier, {
        critical: false,
        value: sequence(
          der(0x80, await keyIdentifier(spki.subarray(-POINT_BYTES))),
        ),
      }),
    ],
  });
  return { cert: pem(CERTIFICATE, certificate), key: await keyPem(keys) };
}

/**
 * What a certificate is good for, or one sentence that says why it cannot be used.
 *
 * @param pair The certificate and its key.
 * @param authorities Certificates one of which is to have signed it; absent:
 *   whoever signed it.
 */
export function certificateFacts(
  pair: CertificatePair,
  authorities?: string,
): CertificateFacts | string {
  try {
    const certificate = new X509Certificate(pair.cert);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key))) {
      return "the key is not that of the certificate";
    }
    const isSigned = authorities === undefined ||
      splitCertificates(authorities).some((authority) =>
        certificate.verify(new X509Certificate(authority).publicKey)
      );
    if (!isSigned) return "the certificate is signed by none of ca.crt";
    return {
      notBeforeMs: Date.parse(certificate.validFrom),
      notAfterMs: Date.parse(certificate.validTo),
      names: (certificate.subjectAltName ?? "").split(", ").flatMap((name) =>
        name.startsWith("DNS:") ? [name.slice(4)] : []
      ),
    };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // OpenSSL's and Deno's words may quote what they read; neither has the key in it.
    return `certificate and key cannot be read (${error.name})`;
  }
}

/** The certificates of a PEM text, each by itself. */
export function splitCertificates(text: string): readonly string[] {
  return text.match(
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g,
  ) ?? [];
}

interface Unsigned {
  readonly subject: string;
  readonly issuer: string;
  readonly validity: Validity;
  readonly publicKey: CryptoKey;
  readonly signer: CryptoKey;
  readonly extensions: readonly Uint8Array[];
}

/** A certificate (RFC 5280 §4.1). */
async function signed(parts: Unsigned): Promise<Uint8Array> {
  const serial = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  // RFC 5280 §4.1.2.2: positive, at most 20 octets.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const { notBeforeMs, notAfterMs } = parts.validity;
  const spki = await crypto.subtle.exportKey("spki", parts.publicKey);
  const body = sequence(
    tagged(0, integer(new Uint8Array([VERSION_3]))),
    integer(serial),
    SIGNATURE_ALGORITHM,
    commonName(parts.issuer),
    sequence(time(notBeforeMs), time(notAfterMs)),
    commonName(parts.subject),
    new Uint8Array(spki),
    tagged(3, sequence(...parts.extensions)),
  );
  const signature = await crypto.subtle.sign(ALGORITHM, parts.signer, body);
  return sequence(
    body,
    SIGNATURE_ALGORITHM,
    bitString(ecdsaSignature(new Uint8Array(signature))),
  );
}

function commonName(name: string): Uint8Array {
  return sequence(
    setOf(sequence(objectIdentifier(OID.commonName), utf8String(name))),
  );
}

function extension(
  oid: string,
  { critical, value }: {
    readonly critical: boolean;
    readonly value: Uint8Array;
  },
): Uint8Array {
  return sequence(
    objectIdentifier(oid),
    ...(critical ? [booleanTrue()] : []),
    octetString(value),
  );
}

/** RFC 5280 §4.2.1.2: authorities carry it, also so that two of one name are told apart. */
async function subjectKeyIdentifier(key: CryptoKey): Promise<Uint8Array> {
  const raw = await crypto.subtle.exportKey("raw", key);
  return extension(OID.subjectKeyIdentifier, {
    critical: false,
    value: octetString(await keyIdentifier(new Uint8Array(raw))),
  });
}

/** RFC 7093 §2: the leftmost 160 bits of a hash of the public point. */
async function keyIdentifier(point: Uint8Array): Promise<Uint8Array> {
  const hash = await crypto.subtle.digest("SHA-256", Uint8Array.from(point));
  return new Uint8Array(hash).subarray(0, KEY_ID_BYTES);
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function keyPem({ privateKey }: CryptoKeyPair): Promise<string> {
  const content = await crypto.subtle.exportKey("pkcs8", privateKey);
  return pem(PRIVATE_KEY, new Uint8Array(content));
}

function readKey(key: string): Promise<CryptoKey> {
  const content = pemContent(PRIVATE_KEY, key);
  if (content === undefined) throw new Error("The authority has no key");
  return crypto.subtle.importKey("pkcs8", content, ALGORITHM, false, ["sign"]);
}

const ALGORITHM = {
  name: "ECDSA",
  namedCurve: "P-256",
  hash: "SHA-256",
} as const;
const CERTIFICATE = "CERTIFICATE";
const PRIVATE_KEY = "PRIVATE KEY";
const VERSION_3 = 2;
const SERIAL_BYTES = 16;
const KEY_ID_BYTES = 20;
// SEC 1 §2.3.3: an uncompressed point of P-256, the last part of its SubjectPublicKeyInfo.
const POINT_BYTES = 65;
// RFC 5280 appendix A: ub-common-name.
const COMMON_NAME_MAX = 64;

const OID = {
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
} as const;

const SIGNATURE_ALGORITHM = sequence(objectIdentifier(OID.ecdsaWithSha256));
