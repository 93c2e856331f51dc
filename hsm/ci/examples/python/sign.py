"""Signs a file with the P-256 key of a token, through OpenSC's pkcs11-tool:

    softhsm-ci-setup -- python3 sign.py FILE SIGNATURE

pkcs11-tool takes the PIN from its environment, so that it is on no command line. The signature is DER, so that
`openssl dgst -sha256 -verify` reads it.
"""

import hashlib
import os
import pathlib
import subprocess
import sys

if len(sys.argv) != 3:
    sys.exit("usage: sign.py FILE SIGNATURE")

digest = hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes()).digest()
pin = pathlib.Path(os.environ["SOFTHSM_TOKEN_PIN_FILE"]).read_text()
subprocess.run(
    [
        "pkcs11-tool",
        f"--module={os.environ['SOFTHSM2_MODULE']}",
        f"--token-label={os.environ['SOFTHSM_TOKEN_LABEL']}",
        "--login",
        "--pin=env:TOKEN_PIN",
        "--sign",
        "--mechanism=ECDSA",
        "--signature-format=openssl",
        "--label=signing",
        f"--output-file={sys.argv[2]}",
    ],
    input=digest,
    env={**os.environ, "TOKEN_PIN": pin},
    check=True,
)
