// Signs a file with the P-256 key of a token, through PKCS#11:
//
//	go mod init example && go mod tidy && softhsm-ci-setup -- go run . FILE SIGNATURE
//
// The signature is DER, so that `openssl dgst -sha256 -verify` reads it.
package main

import (
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"os"
	"strings"

	"github.com/miekg/pkcs11"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sign FILE SIGNATURE")
		os.Exit(2)
	}
	if err := sign(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "sign:", err)
		os.Exit(1)
	}
}

func sign(file, signatureFile string) error {
	message, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	pin, err := os.ReadFile(os.Getenv("SOFTHSM_TOKEN_PIN_FILE"))
	if err != nil {
		return err
	}
	module := pkcs11.New(os.Getenv("SOFTHSM2_MODULE"))
	if module == nil {
		return fmt.Errorf("SOFTHSM2_MODULE names no PKCS#11 module: run this with softhsm-ci-setup")
	}
	defer module.Destroy()
	if err := module.Initialize(); err != nil {
		return err
	}
	defer module.Finalize()
	slot, err := findSlot(module)
	if err != nil {
		return err
	}
	session, err := module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return err
	}
	if err := module.Login(session, pkcs11.CKU_USER, string(pin)); err != nil {
		return err
	}
	key, err := findKey(module, session, "signing")
	if err != nil {
		return err
	}
	// CKM_ECDSA signs what it is given, so that the hash comes first.
	digest := sha256.Sum256(message)
	if err := module.SignInit(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}, key); err != nil {
		return err
	}
	raw, err := module.Sign(session, digest[:])
	if err != nil {
		return err
	}
	half := len(raw) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
	if err != nil {
		return err
	}
	return os.WriteFile(signatureFile, der, 0o644)
}

// The slot whose token has the label and the serial number: slot numbers change.
func findSlot(module *pkcs11.Ctx) (uint, error) {
	slots, err := module.GetSlotList(true)
	if err != nil {
		return 0, err
	}
	for _, slot := range slots {
		info, err := module.GetTokenInfo(slot)
		if err != nil {
			return 0, err
		}
		if strings.TrimSpace(info.Label) == os.Getenv("SOFTHSM_TOKEN_LABEL") &&
			strings.TrimSpace(info.SerialNumber) == os.Getenv("SOFTHSM_TOKEN_SERIAL") {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("the token is not there")
}

func findKey(module *pkcs11.Ctx, session pkcs11.SessionHandle, label string) (pkcs11.ObjectHandle, error) {
	wanted := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
	}
	if err := module.FindObjectsInit(session, wanted); err != nil {
		return 0, err
	}
	found, _, err := module.FindObjects(session, 2)
	if err != nil {
		return 0, err
	}
	if err := module.FindObjectsFinal(session); err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("the token has %d keys labelled %s", len(found), label)
	}
	return found[0], nil
}
