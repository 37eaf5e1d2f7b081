package personal

import (
	"crypto/rand"
	"hash/crc32"
	"strings"
)

// Prefix is the prefix of every personal token, by which scanners find leaked ones. It is another one than that of access tokens,
// which end within the hour.
const Prefix = "pstpat_"

const (
	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	// randomLength and sumLength are the lengths of the two parts after the prefix: 190 bits of chance, and a CRC-32 (IEEE) of them with
	// the prefix, in base 62 with the most significant digit first, so that a scanner tells a token from a text that looks like one.
	randomLength, sumLength = 32, 6
)

// Pattern is the regular expression of personal tokens, for scanners.
const Pattern = `\bpstpat_[0-9A-Za-z]{38}\b`

// newText returns a token.
func newText() string {
	var b strings.Builder
	b.WriteString(Prefix)
	for b.Len() < len(Prefix)+randomLength {
		var chunk [64]byte
		_, _ = rand.Read(chunk[:]) // never fails
		for _, c := range chunk {
			if int(c) < 4*len(alphabet) && b.Len() < len(Prefix)+randomLength { // others would make the first digits likelier
				b.WriteByte(alphabet[int(c)%len(alphabet)])
			}
		}
	}
	return b.String() + checksum(b.String())
}

// checksum returns the last part of a token.
func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	digits := [sumLength]byte{}
	for i := sumLength - 1; i >= 0; i-- {
		digits[i] = alphabet[sum%uint32(len(alphabet))]
		sum /= uint32(len(alphabet))
	}
	return string(digits[:])
}

// WellFormed reports whether a text has the form of a token and its checksum. It says nothing about whether there is such a token.
func WellFormed(text string) bool {
	const length = len(Prefix) + randomLength + sumLength
	if len(text) != length || !strings.HasPrefix(text, Prefix) {
		return false
	}
	for _, c := range text[len(Prefix):] {
		if !strings.ContainsRune(alphabet, c) {
			return false
		}
	}
	return checksum(text[:length-sumLength]) == text[length-sumLength:]
}
