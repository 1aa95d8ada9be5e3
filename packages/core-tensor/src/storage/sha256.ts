/** SHA-256 of bytes, as 64 hexadecimal digits; through WebCrypto, which Node and browsers (on secure pages) both have. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  // WebCrypto takes no shared memory: such bytes are copied first.
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", own));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
