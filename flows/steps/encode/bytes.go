package encode

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/bulk"
	"github.com/penstock/penstock/internal/payload"
)

// codec encodes bytes as text and decodes them.
type codec struct {
	name   string
	encode func([]byte) string
	decode func(string) ([]byte, error)
}

func base64Codec() codec {
	return codec{"base64", payload.EncodeBase64, func(s string) ([]byte, error) {
		return base64.RawStdEncoding.DecodeString(unpadded(s))
	}}
}

func base64urlCodec() codec {
	return codec{"base64url", payload.Chunked(base64.RawURLEncoding.EncodedLen, base64.RawURLEncoding.EncodeToString), func(s string) ([]byte, error) {
		return base64.RawURLEncoding.DecodeString(unpadded(s))
	}}
}

func hexCodec() codec {
	return codec{"hex", payload.Chunked(hex.EncodedLen, hex.EncodeToString), hex.DecodeString}
}

// urlCodec escapes all but the unreserved characters of RFC 3986, so that the text fits a path, a query and a form.
// When decoding, a + stays a +.
func urlCodec() codec {
	return codec{"url", func(b []byte) string {
		return strings.ReplaceAll(url.QueryEscape(string(b)), "+", "%20")
	}, func(s string) ([]byte, error) {
		text, err := url.PathUnescape(s)
		return []byte(text), err
	}}
}

func textCodec() codec {
	return codec{"text", bulk.Text, func(s string) ([]byte, error) { return bulk.Bytes(s), nil }}
}

// unpadded returns base64 without padding, which some senders omit, and without surrounding white space.
func unpadded(s string) string {
	trimmed := strings.TrimSpace(s)
	return strings.TrimRight(trimmed, "=")
}

func codecNamed(name string) codec {
	for _, make := range []func() codec{base64Codec, base64urlCodec, hexCodec} {
		if c := make(); c.name == name {
			return c
		}
	}
	return textCodec()
}

// codecFormat is the form of a codec: encoding, or decoding with decode: true.
func codecFormat(make func() codec) func(*flows.Args) (form, error) {
	return func(args *flows.Args) (form, error) {
		c := make()
		if !args.Bool("decode") {
			if args.Has("output") {
				return nil, args.Refuse(problem.MeaninglessKey, "output", "output has no meaning for %s unless it decodes", c.name)
			}
			if args.String("input") == inputFile {
				return func(ctx context.Context, in *flows.Input, v any) (any, error) { return encodeFile(ctx, in, c, v) }, nil
			}
			input := codecNamed(args.String("input"))
			return func(_ context.Context, _ *flows.Input, v any) (any, error) {
				content, err := readBytes(input, v)
				return c.encode(content), err
			}, nil
		}
		if args.Has("input") {
			return nil, args.Refuse(problem.MeaninglessKey, "input", "input has no meaning for %s when it decodes", c.name)
		}
		output := codecNamed(args.String("output"))
		return func(_ context.Context, _ *flows.Input, v any) (any, error) {
			content, err := readBytes(c, v)
			if err != nil {
				return nil, err
			}
			return writeBytes(output, content)
		}, nil
	}
}

const (
	inputFile = "file" // the value is a file of the run
	// maxFile is the maximum size in bytes of a file that becomes text.
	maxFile = 50_000_000
)

func encodeFile(ctx context.Context, in *flows.Input, c codec, v any) (any, error) {
	bytes, _, err := content.ReadFile(ctx, in, v, maxFile)
	if err == nil {
		err = in.Charger(ctx).Charge(3 * int64(len(bytes))) // hex and escapes need up to three bytes for one
	}
	if err != nil {
		return nil, err
	}
	return c.encode(bytes), nil
}

// readBytes decodes a value to bytes.
func readBytes(c codec, v any) ([]byte, error) {
	text, isText := v.(string)
	if !isText && c.name == "text" && v != nil {
		text, isText = string(flows.EncodeJSON(v)), true
	}
	if !isText {
		return nil, failure.Errorf("expected text, found %s", content.TypeName(v))
	}
	content, err := c.decode(text)
	if err != nil { // the codec's error would show the value
		return nil, failure.Errorf("the text is not %s", c.name)
	}
	return content, nil
}

func writeBytes(c codec, content []byte) (any, error) {
	if c.name == "text" && !utf8.Valid(content) {
		return nil, failure.Errorf("the bytes are no text in UTF-8; output: base64 writes them")
	}
	return c.encode(content), nil
}
