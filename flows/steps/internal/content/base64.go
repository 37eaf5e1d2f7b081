package content

import (
	"context"
	"encoding/base64"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/bulk"
)

// EncodeBase64 is the standard base64 of a content, with padding.
func EncodeBase64(content []byte) string {
	return Chunked(base64.StdEncoding.EncodedLen, base64.StdEncoding.EncodeToString)(content)
}

// Chunked encodes a long text in chunks, see package bulk. A chunk of base64 has no padding, because its length is a
// multiple of three.
func Chunked(length func(int) int, encode func([]byte) string) func([]byte) string {
	const each = 3 << 16 // bytes
	return func(content []byte) string {
		if len(content) <= each {
			return encode(content)
		}
		return bulk.EncodeChunks(content, length(len(content)), each, encode)
	}
}

// DecodeBase64 renders a template to bytes from base64, as `parse: bytes` and encode produce it.
func DecodeBase64(ctx context.Context, in *flows.Input, value *flows.Template) ([]byte, error) {
	v, err := value.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	text, ok := v.(string)
	if !ok {
		return nil, failure.Errorf("base64 is %s, not text", TypeName(v))
	}
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, failure.Errorf("base64 does not hold base64: %v", err)
	}
	return content, nil
}
