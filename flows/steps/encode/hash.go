package encode

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"io"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
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

// checkHash rejects the algorithms of tokens.
func checkHash(args *flows.Args) error {
	if name := args.String("algorithm"); slices.Contains(jwtAlgorithms, name) {
		return args.Refuse(problem.UnknownValue, "algorithm", "%s is no hash function: it signs a jwt", name)
	}
	return nil
}

func hashFormat(args *flows.Args) (form, error) {
	if err := checkHash(args); err != nil {
		return nil, err
	}
	function := hashNamed(args.String("algorithm"))
	return digestFormat(args, func(context.Context, *flows.Input) (hash.Hash, error) { return function(), nil })
}

func hmacFormat(args *flows.Args) (form, error) {
	function, secret := hashNamed(args.String("algorithm")), args.String("secret")
	if secret == "" {
		return nil, args.Refuse(problem.RequiredKey, "secret", "secret is missing: the name of the stored secret that is the key")
	}
	if err := checkHash(args); err != nil {
		return nil, err
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
