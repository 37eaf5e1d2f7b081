package encode

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"io"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// hashNamed returns a hash function. md5 and sha1 exist for systems that require them; neither is
// collision-resistant.
func hashNamed(name string) func() hash.Hash {
	switch name {
	case "sha512":
		return sha512.New
	case "sha384":
		return sha512.New384
	case "sha1":
		return sha1.New
	case "md5":
		return md5.New
	}
	return sha256.New
}

func hashFormat(args *flows.Args) (form, error) {
	function := hashNamed(args.String("algorithm"))
	return digestFormat(args, func(context.Context, *flows.Input) (hash.Hash, error) { return function(), nil })
}

func hmacFormat(args *flows.Args) (form, error) {
	function, secret := hashNamed(args.String("algorithm")), args.String("secret")
	if secret == "" {
		return nil, args.Errorf("secret", "secret is missing: the name of the stored secret that is the key")
	}
	return digestFormat(args, func(ctx context.Context, in *flows.Input) (hash.Hash, error) {
		key, err := secretKey(ctx, in, secret)
		return hmac.New(function, key), err
	})
}

// digestFormat is the form of a hash created by start.
func digestFormat(args *flows.Args, start func(context.Context, *flows.Input) (hash.Hash, error)) (form, error) {
	input, output, ofFile := codecNamed(args.String("input")), hexCodec(), args.String("input") == inputFile
	if args.Has("output") {
		if output = codecNamed(args.String("output")); output.name == "text" {
			return nil, args.Errorf("output", "a hash is no text: hex, base64 or base64url")
		}
	}
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		h, err := start(ctx, in)
		if err != nil {
			return nil, err
		}
		if ofFile {
			err = hashFile(ctx, in, h, v)
		} else {
			var content []byte
			content, err = readBytes(input, v)
			h.Write(content)
		}
		if err != nil {
			return nil, err
		}
		return output.encode(h.Sum(nil)), nil
	}, nil
}

// hashFile writes a file of the run to a hash.
func hashFile(ctx context.Context, in *flows.Input, h hash.Hash, v any) error {
	r, _, err := in.OpenFile(ctx, v)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(h, r); err != nil {
		return content.FileError(ctx, "read", err)
	}
	return nil
}

func secretKey(ctx context.Context, in *flows.Input, name string) ([]byte, error) {
	key, err := in.Secret(ctx, name)
	return []byte(key), err
}

// jwtAlgorithms are the names of RFC 7518 for HMAC.
var jwtAlgorithms = map[string]string{"": "HS256", "sha256": "HS256", "sha384": "HS384", "sha512": "HS512"}

func jwtFormat(args *flows.Args) (form, error) {
	secret, algorithm := args.String("secret"), jwtAlgorithms[args.String("algorithm")]
	switch {
	case secret == "":
		return nil, args.Errorf("secret", "secret is missing: the name of the stored secret that is the key")
	case algorithm == "":
		return nil, args.Errorf("algorithm", "a token is signed with sha256, sha384 or sha512")
	}
	function := hashNamed(args.String("algorithm"))
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + algorithm + `","typ":"JWT"}`))
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		if _, ok := v.(map[string]any); !ok {
			return nil, failure.Errorf("the claims of a token are an object, not %s", content.TypeName(v))
		}
		key, err := secretKey(ctx, in, secret)
		if err != nil {
			return nil, err
		}
		signed := header + "." + base64.RawURLEncoding.EncodeToString(flows.EncodeJSON(v))
		mac := hmac.New(function, key)
		mac.Write([]byte(signed))
		return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
	}, nil
}
