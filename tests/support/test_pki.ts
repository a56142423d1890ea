/**
 * A certificate authority for one test run, made by openssl.
 *
 * @module
 */

/** PEM documents; the server's are for localhost, kubernetes.test, 127.0.0.1. */
export interface TestPki {
  /** The folder that holds them as `ca.crt server.crt server.key …`. */
  readonly folder: string;
  /** Certificate of the authority. */
  readonly caCert: string;
  /** Certificate of another authority. */
  readonly otherCaCert: string;
  /** Certificate and key of the server. */
  readonly server: { readonly cert: string; readonly key: string };
  /** Certificate and key of a client. */
  readonly client: { readonly cert: string; readonly key: string };
  /** Key of the client as SEC1 (RFC 5915), the way k3s writes it. */
  readonly clientSec1Key: string;
}

/**
 * Makes the certificates; about a quarter of a second.
 *
 * @returns Where they are and what they are.
 */
export async function makeTestPki(): Promise<TestPki> {
  const folder = await Deno.makeTempDir();
  const script = await new Deno.Command("sh", {
    args: ["-ec", SCRIPT],
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!script.success) {
    throw new Error(new TextDecoder().decode(script.stderr));
  }
  const read = (name: string): Promise<string> =>
    Deno.readTextFile(`${folder}/${name}`);
  return {
    folder,
    caCert: await read("ca.crt"),
    otherCaCert: await read("other.crt"),
    server: { cert: await read("server.crt"), key: await read("server.key") },
    client: { cert: await read("client.crt"), key: await read("client.key") },
    clientSec1Key: await read("client.sec1"),
  };
}

const SCRIPT = `
for name in ca other; do
  openssl ecparam -name prime256v1 -genkey -noout -out $name.key
  openssl req -x509 -new -key $name.key -days 30 -subj /CN=$name \\
    -addext basicConstraints=critical,CA:TRUE -out $name.crt
done
names=DNS:localhost,DNS:kubernetes.test,IP:127.0.0.1
printf 'subjectAltName=%s\\n' $names > extensions
for name in server client; do
  openssl ecparam -name prime256v1 -genkey -noout -out $name.sec1
  openssl pkcs8 -topk8 -nocrypt -in $name.sec1 -out $name.key
  openssl req -new -key $name.key -subj /CN=$name -out $name.csr
  openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial \\
    -days 30 -extfile extensions -out $name.crt
done
`;
