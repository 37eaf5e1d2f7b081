package auth

import (
	"bytes"
	"crypto/md5" // the SmartSYNC protocol fixes the hash
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/penstock/penstock/store"
)

// checkCase is a wrong check value with everything that it may have been computed from.
type checkCase struct {
	query     Query
	raw       string // query string, as sent
	body      string // as sent
	canonical []byte
	key       *store.Key
	given     string
}

// mistake is a common mistake of callers, with the text that is hashed because of it.
type mistake struct {
	says   string
	signed string // hashed text without the secret
	after  string // text after the secret
	before bool   // true: the secret comes first
}

// explainDigest adds a finding for the mistake that results in the given check value. It computes the check value
// of each known mistake.
func explainDigest(e *Explanation, k *checkCase) {
	right := string(signedText(k.query, k.canonical))
	if says := k.secretMistake(right); says != "" {
		e.addFinding("%s", says)
		return
	}
	for _, m := range append(k.bodyMistakes(), k.paramMistakes(right)...) {
		if k.madeBy(m) {
			e.addFinding("%s", m.says)
			return
		}
	}
	e.addFinding("%s", k.unknown(right))
}

func (k *checkCase) madeBy(m mistake) bool {
	text := m.signed + k.key.Secret + m.after
	if m.before {
		text = k.key.Secret + "|" + strings.TrimSuffix(m.signed, "|")
	}
	sum := md5.Sum([]byte(text))
	return k.equals(hex.EncodeToString(sum[:]))
}

func (k *checkCase) equals(digest string) bool {
	return subtle.ConstantTimeCompare([]byte(digest), []byte(strings.ToLower(k.given))) == 1
}

// secretMistake returns a finding when the text is right and the secret, the hash function or the encoding is
// wrong.
func (k *checkCase) secretMistake(right string) string {
	old := md5.Sum([]byte(right + k.key.Previous))
	one, two := sha1.Sum([]byte(right+k.key.Secret)), sha256.Sum256([]byte(right+k.key.Secret))
	five := md5.Sum([]byte(right + k.key.Secret))
	switch {
	case k.key.Previous != "" && k.equals(hex.EncodeToString(old[:])):
		return "it is signed with the secret before the last rotation, which does not count any more"
	case k.equals(hex.EncodeToString(one[:])), k.equals(hex.EncodeToString(two[:])):
		return "the text is right, but it was hashed with SHA; the check is an MD5"
	case k.given == base64.StdEncoding.EncodeToString(five[:]):
		return "the digest is right, but written in base64; hexadecimal is expected"
	}
	return ""
}

// bodyMistakes returns the known mistakes with the body.
func (k *checkCase) bodyMistakes() []mistake {
	head := string(signedText(k.query, nil))
	noBreaks := strings.NewReplacer("\r", "", "\n", "").Replace(k.body)
	mistakes := []mistake{
		{says: "the body was signed as it was sent: " + k.firstLineBreak(), signed: head + k.body + "|"},
		{says: "the body was trimmed, but not freed from the line breaks within: " + k.firstLineBreak(), signed: head + strings.Trim(k.body, trimmed) + "|"},
		{says: "the line breaks were removed, but not the white space around the body", signed: head + noBreaks + "|"},
		{says: "the body was not signed", signed: head},
		{says: "an empty body was signed as well: without one there is no part for it", signed: head + "|"},
		{says: "the body was signed before the parameters", signed: string(k.canonical) + "|" + head},
		{says: `escaped slashes: the body was signed with "\/"`, signed: head + strings.ReplaceAll(string(k.canonical), "/", `\/`) + "|"},
	}
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(k.body)) == nil {
		mistakes = append(mistakes, mistake{says: "the JSON was written anew between signing and sending: white space within it differs", signed: head + compact.String() + "|"})
	}
	return mistakes
}

// firstLineBreak describes the position of the first line break in the body.
func (k *checkCase) firstLineBreak() string {
	at := strings.IndexAny(k.body, "\r\n")
	if at < 0 {
		return "white space around it belongs off"
	}
	name := map[byte]string{'\r': "CR", '\n': "LF"}[k.body[at]]
	return fmt.Sprintf("there is a %s at byte %d, which belongs out of what is signed", name, at)
}

// paramMistakes returns the known mistakes with the parameters and the separators.
func (k *checkCase) paramMistakes(right string) []mistake {
	body := ""
	if len(k.canonical) > 0 {
		body = string(k.canonical) + "|"
	}
	var values, pairs []string
	unsorted, encoded := k.asSent()
	mistakes := []mistake{
		{says: "a line break follows the secret: `echo` adds one, `printf '%s'` does not", signed: right, after: "\n"},
		{says: "a CR LF follows the secret", signed: right, after: "\r\n"},
		{says: "a space follows the secret", signed: right, after: " "},
		{says: `a "|" follows the secret`, signed: right, after: "|"},
		{says: `there is no "|" before the secret`, signed: strings.TrimSuffix(right, "|")},
		{says: "the secret comes first; it belongs at the end", signed: right, before: true},
		{says: "the parameters are in the order of the URL; they belong in alphabetical order of their names", signed: joined(unsorted) + body},
		{says: "the values are signed as the URL has them, percent-encoded; they are signed decoded", signed: joined(encoded) + body},
		{says: "the parameter check was signed, empty; it is left out", signed: "|" + right},
	}
	for _, p := range k.query.Params() {
		if p.Name == "check" {
			continue
		}
		values, pairs = append(values, p.Value), append(pairs, p.Name+"="+p.Value)
		mistakes = append(mistakes,
			mistake{says: fmt.Sprintf("the parameter %s was not signed", p.Name), signed: k.without(p.Name) + body},
			mistake{says: fmt.Sprintf("the parameter %s was signed with white space around its value, or is sent with it", p.Name), signed: k.trimmed(p.Name) + body})
	}
	return append(mistakes,
		mistake{says: `the names of the parameters were signed, too; only their values are`, signed: joined(pairs) + body},
		mistake{says: `the names of the parameters were signed, joined by "&"`, signed: strings.Join(pairs, "&") + "|" + body},
		mistake{says: `the values were joined without "|"`, signed: strings.Join(values, "") + strings.TrimSuffix(body, "|")},
		mistake{says: `the values were joined with "&"`, signed: strings.Join(values, "&") + "&" + strings.ReplaceAll(body, "|", "&")},
	)
}

// asSent returns the parameter values in the order of the URL, and the percent-encoded values in the order of the
// names.
func (k *checkCase) asSent() (unsorted, encoded []string) {
	names := map[string]string{}
	for pair := range strings.SplitSeq(k.raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			names[plain] = value
		}
		if name != "check" {
			plain, _ := url.QueryUnescape(value) // the query was parsed before
			unsorted = append(unsorted, plain)
		}
	}
	for _, p := range k.query.Params() {
		if p.Name != "check" {
			encoded = append(encoded, names[p.Name])
		}
	}
	return unsorted, encoded
}

func (k *checkCase) without(name string) string {
	return k.each(func(p Param) (string, bool) { return p.Value, p.Name != name })
}

func (k *checkCase) trimmed(name string) string {
	return k.each(func(p Param) (string, bool) {
		if p.Name == name {
			return strings.TrimSpace(p.Value), true
		}
		return p.Value, true
	})
}

func (k *checkCase) each(value func(Param) (string, bool)) string {
	var kept []string
	for _, p := range k.query.Params() {
		if v, keep := value(p); keep && p.Name != "check" {
			kept = append(kept, v)
		}
	}
	return joined(kept)
}

// joined returns the values, each followed by "|".
func joined(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return strings.Join(values, "|") + "|"
}

// unknown returns the finding for a check value that no known mistake results in.
func (k *checkCase) unknown(right string) string {
	if len(k.given) != hex.EncodedLen(md5.Size) {
		return fmt.Sprintf("check has %d characters; the MD5 in hexadecimal has 32", len(k.given))
	}
	if _, err := hex.DecodeString(k.given); err != nil {
		return "check is not hexadecimal: 32 of the digits 0 to 9 and a to f are expected"
	}
	return fmt.Sprintf("the check is that of another text or of another secret: compare the %d bytes that must be hashed, shown as signed, with yours, and the secret with that of the key", len(right)+len(k.key.Secret))
}

// signedText returns the text that signedPart hashes.
func signedText(q Query, c []byte) []byte {
	var text []byte
	for _, p := range q.Params() {
		if p.Name != "check" {
			text = append(append(text, p.Value...), '|')
		}
	}
	if len(c) > 0 {
		text = append(append(text, c...), '|')
	}
	return text
}
