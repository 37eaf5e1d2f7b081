package encode

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// aesFormat encrypts by AES-GCM (NIST SP 800-38D). The result is a random nonce of 12 bytes, the encrypted bytes and a tag of 16.
func aesFormat(args *flows.Args) (form, error) {
	secret := args.String("secret")
	if secret == "" {
		return nil, args.Refuse(problem.RequiredKey, "secret", "secret is missing: the name of the stored secret that is the key")
	}
	decode := args.Bool("decode")
	return transform(args, "aes_gcm", "application/octet-stream", func(ctx context.Context, in *flows.Input, from io.Reader) (io.Reader, error) {
		key, err := secretKey(ctx, in, secret)
		if err != nil {
			return nil, err
		}
		box, err := aesBox(string(key))
		if err != nil {
			return nil, failure.Errorf("the secret %q is no key of AES: 16, 24 or 32 bytes in base64 or hexadecimal digits", secret)
		}
		text, err := readAll(in.Charger(ctx), from, maxFile)
		if err != nil {
			return nil, err
		}
		if err := in.Charger(ctx).Charge(int64(len(text) + box.Overhead())); err != nil {
			return nil, err
		}
		var result []byte
		if !decode {
			result = box.Seal(nil, nil, text, nil)
		} else if result, err = box.Open(nil, nil, text, nil); err != nil {
			return nil, failure.Errorf("it cannot be decrypted: the key is another one, or the bytes were changed")
		}
		return strings.NewReader(string(result)), nil
	})
}

// aesBox returns the cipher for a key in base64 or hexadecimal digits.
func aesBox(text string) (cipher.AEAD, error) {
	text = strings.TrimSpace(text)
	key, err := hex.DecodeString(text)
	if err != nil {
		key, err = base64.RawStdEncoding.DecodeString(unpadded(text))
	}
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
