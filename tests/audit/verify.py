#!/usr/bin/env python3
"""Verifies an exported trail as a stranger would: by docs/security.md alone, with hashlib and OpenSSL.

verify.py FILE [PUBLIC_KEY]     FILE is .jsonl or .csv, FILE.head (exported) or FILE.seal (sealed) lies beside it;
                                PUBLIC_KEY as the owner made it known
"""

import csv
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

FIELDS = ["kind", "outcome", "account", "source", "mode", "target", "call", "session", "detail"]
OPTIONAL = {"account", "mode", "target", "call", "session"}
# What stands before the 32 bytes of an Ed25519 public key in DER (RFC 8410).
DER = bytes.fromhex("302a300506032b6570032100")


def encoded(texts):
    out = b""
    for text in texts:
        raw = b"" if text is None else text.encode()
        out += struct.pack(">I", 0xFFFFFFFF if text is None else len(raw)) + raw
    return out


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        if path.endswith(".csv"):
            for row in csv.DictReader(file):
                yield {name: None if name in OPTIONAL and text == "" else text for name, text in row.items()}
        else:
            yield from map(json.loads, file)


def is_signed(what, word, tips, key):
    texts = [what, str(word["at_ms"])]
    for tip in tips:
        texts += [tip["writer_id"], str(tip["seq"]), tip["hash"]]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in [("key", DER + bytes.fromhex(key)), ("text", encoded(texts)),
                              ("signature", bytes.fromhex(word["signature"]))]:
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key",
                   "-in", "text", "-sigfile", "signature"]
        return subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL).returncode == 0


def main(path, key=None):
    is_sealed = os.path.exists(path + ".seal")
    with open(path + (".seal" if is_sealed else ".head"), encoding="utf-8") as file:
        proof = json.load(file)
    key = key or proof["public_key"]
    tips = proof["seals"] if is_sealed else proof["tips"]
    seals = proof["begins"] + (tips if is_sealed else [])
    if not is_sealed and not is_signed("sasayaki audit head 1", proof, tips, key):
        return "the head is not signed by this key"
    if not all(is_signed("sasayaki audit seal 1", seal, [seal], key) for seal in seals):
        return "a seal is not signed by this key"
    at = {begin["writer_id"]: (begin["seq"], begin["hash"]) for begin in proof["begins"]}
    count = 0
    for row in rows_of(path):
        writer, number = row["writer_id"], int(row["seq"])
        seq, before = at.get(writer, (0, ""))
        texts = ["sasayaki audit row 1", before, writer, str(number), str(row["at_ms"])]
        found = hashlib.sha256(encoded(texts + [row[name] for name in FIELDS])).hexdigest()
        if number != seq + 1 or found != row["hash"]:
            return f"row {number} of writer {writer} does not follow row {seq}"
        at[writer] = (number, found)
        count += 1
    for tip in tips:
        if at.pop(tip["writer_id"], (0, "")) != (tip["seq"], tip["hash"]):
            return f"the chain of writer {tip['writer_id']} does not end as it was signed"
    if at:
        return f"no head knows writer {next(iter(at))}"
    print(f"whole: {count} rows")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
