package payload

import (
	"encoding/base64"

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
