package sender

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hidden is what stands in the place of a secret in the headers of a recorded request, with its length in bytes.
var hidden = regexp.MustCompile(`\*\*\* \((\d+) bytes\)`)

// Propose returns the lines of a flow that describe a sender which the catalogue does not have, as far as the headers of a recorded
// request tell how it proves itself; empty: they tell nothing. In them secrets are replaced by *** (N bytes), so the lines are a
// guess that no proof was checked with. secret is the name of the secret that they mention.
func Propose(h http.Header, secret string) string {
	names := slices.Sorted(maps.Keys(h))
	for _, propose := range []func(h http.Header, name string) []string{signatureWords, tokenWords} {
		for _, name := range names {
			if words := propose(h, name); words != nil {
				scheme, words := words[0], words[1:]
				return "trigger:\n  webhook:\n    verify:\n      scheme: " + scheme + "\n      secret: " + secret + "\n" + wordLines(append(words, idWords(names)...))
			}
		}
	}
	return ""
}

// wordLines writes pairs of a word and its value.
func wordLines(words []string) string {
	var b strings.Builder
	for i := 0; i+1 < len(words); i += 2 {
		fmt.Fprintf(&b, "      %s: %s\n", words[i], words[i+1])
	}
	return b.String()
}

// signatureWords describe a header with a signature: the scheme, then words and their values; nil: it has none.
func signatureWords(h http.Header, name string) []string {
	value, lower := h.Get(name), strings.ToLower(name)
	found := hidden.FindStringSubmatch(value)
	if found == nil || !strings.Contains(lower, "signature") && !strings.Contains(lower, "hmac") {
		return nil
	}
	words := []string{schemeHMAC, "header", name}
	switch form, ms := writtenAs(value); {
	case strings.Contains(form, "{timestamp}"):
		words = append(words, "format", strconv.Quote(form))
		if ms {
			words = append(words, "timestamp_format", formatUnixMS)
		}
	case strings.ContainsAny(form, ",;"):
		words = append(words, "format", strconv.Quote(form))
	case form != "{signature}":
		words = append(words, "prefix", strconv.Quote(strings.TrimSuffix(form, "{signature}")))
	}
	return slices.Concat(words, hashWords(found[1]), timeWords(h, words))
}

// writtenAs returns how a header with several values is written: its first secret is the signature, and what looks like a Unix time the
// time. ms: that is in milliseconds.
func writtenAs(value string) (form string, ms bool) {
	separator := ","
	if strings.Contains(value, ";") {
		separator = ";"
	}
	var pieces []string
	signed := false
	for piece := range strings.SplitSeq(value, separator) {
		piece = strings.TrimSpace(piece)
		name, rest, given := strings.Cut(piece, "=")
		switch {
		case hidden.MatchString(piece) && signed: // one more, as while a secret is replaced
			continue
		case hidden.MatchString(piece):
			piece, signed = hidden.ReplaceAllLiteralString(piece, "{signature}"), true
		case given && isUnixTime(rest):
			piece, ms = name+"={timestamp}", len(rest) > len("1795953600")
		default:
			continue
		}
		pieces = append(pieces, piece)
	}
	return strings.Join(pieces, separator), ms
}

func isUnixTime(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil && (len(text) == len("1795953600") || len(text) == len("1795953600000"))
}

// hashWords tell the hash, and how it is written, by the length of the signature. SHA-256 in hexadecimal digits needs no words.
func hashWords(length string) []string {
	return map[string][]string{
		"40": {"algorithm", "sha1"}, "96": {"algorithm", "sha384"}, "128": {"algorithm", "sha512"},
		"44": {"encoding", "base64"}, "43": {"encoding", "base64url"},
		"28": {"encoding", "base64", "algorithm", "sha1"}, "88": {"encoding", "base64", "algorithm", "sha512"},
	}[length]
}

// timeWords name a header with a time, unless the words before have one.
func timeWords(h http.Header, before []string) []string {
	if strings.Contains(strings.Join(before, " "), "{timestamp}") {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if value := h.Get(name); strings.Contains(strings.ToLower(name), "timestamp") && isUnixTime(value) {
			words := []string{"timestamp_header", name}
			if len(value) > len("1795953600") {
				words = append(words, "timestamp_format", formatUnixMS)
			}
			return words
		}
	}
	return nil
}

// tokenWords describe a header with a token or a password.
func tokenWords(h http.Header, name string) []string {
	value := h.Get(name)
	if !hidden.MatchString(value) {
		return nil
	}
	kind, _, _ := strings.Cut(value, " ")
	switch {
	case !strings.EqualFold(name, "Authorization"):
		return []string{schemeToken, "header", name}
	case strings.EqualFold(kind, "Basic"):
		return []string{schemeBasic, "user", "…"}
	case strings.HasPrefix(value, "***"):
		return []string{schemeToken, "header", name}
	}
	return []string{schemeToken, "header", name, "prefix", strconv.Quote(kind + " ")}
}

// idWords name the header with the id of a delivery.
func idWords(names []string) []string {
	for _, name := range names {
		lower := strings.ToLower(name)
		if strings.HasSuffix(lower, "-id") && slices.ContainsFunc([]string{"delivery", "event", "webhook", "message"}, func(s string) bool { return strings.Contains(lower, s) }) {
			return []string{"id_header", name}
		}
	}
	return nil
}
