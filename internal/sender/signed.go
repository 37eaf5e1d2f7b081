package sender

import (
	"context"
	"crypto/hmac"
	"crypto/md5"  // some senders support nothing else
	"crypto/sha1" // some senders support nothing else
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"
	"slices"
	"strings"
	"time"
)

// hashes are the hash functions that a description may name. Read only.
var hashes = map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// signed is what all schemes share in which a text with the body is signed.
type signed struct {
	place         *place
	template      *template
	timestamp     *template // nil: none, or in the format
	tolerance     time.Duration
	timeFormat    string
	bodyHashParam string
	algorithm     string
	algorithmFrom *template // nil: algorithm
	algorithms    map[string]string
}

// timed reports whether a time is signed.
func (s *signed) timed() bool { return s.timestamp != nil || s.place.hasTime() }

// read returns the signatures of a delivery and the values that were signed.
func (s *signed) read(d *Delivery) ([][]byte, *values, error) {
	signatures, ts := s.place.read(d)
	if len(signatures) == 0 {
		return nil, nil, s.place.explainMissing(d)
	}
	if s.timestamp != nil {
		ts = s.timestamp.text(d)
	}
	if s.timed() && ts == "" {
		return nil, nil, flawed("timestamp", ErrUnsigned, "the time is missing")
	}
	v := &values{Delivery: d, timestamp: ts, hashParam: s.bodyHashParam}
	if err := s.checkListed(d); err != nil {
		return nil, nil, err
	}
	return signatures, v, s.checkBody(d)
}

// checkBody compares the hash in the URL, if there is one, with the body. Without it {form} needs a form.
func (s *signed) checkBody(d *Delivery) error {
	if given := d.Query.Get(s.bodyHashParam); s.bodyHashParam != "" && given != "" {
		sum := sha256.Sum256(d.Body)
		if subtle.ConstantTimeCompare([]byte(strings.ToLower(given)), []byte(hex.EncodeToString(sum[:]))) != 1 {
			return flawed("body_hash_param", ErrWrong, "the hash of the body in the parameter %s differs", s.bodyHashParam)
		}
		return nil
	}
	if s.template.has("form") {
		if _, err := url.ParseQuery(string(d.Body)); err != nil {
			return flawed("signed", ErrUnsigned, "the body is no form")
		}
	}
	return nil
}

// listsTime reports whether the time is one of the members or headers that the template lists. Which headers are listed
// is said by each delivery.
func (s *signed) listsTime() bool {
	if s.timestamp == nil || len(s.timestamp.parts) != 1 {
		return false
	}
	own := s.timestamp.parts[0]
	return slices.ContainsFunc(s.template.parts, func(p part) bool {
		return p == own || p.name == "headers" && own.name == "header" || p.name == "lines" && own.name == "member" && slices.Contains(strings.Split(p.arg, ","), own.arg)
	})
}

// checkListed checks that the headers which a delivery lists as signed have the time.
func (s *signed) checkListed(d *Delivery) error {
	for _, p := range s.template.parts {
		if p.name != "headers" || s.timestamp == nil || s.template.has("timestamp") {
			continue
		}
		listed := strings.Split(strings.ToLower(strings.ReplaceAll(d.Header.Get(p.arg), " ", "")), ",")
		if !slices.Contains(listed, strings.ToLower(s.timestamp.parts[0].arg)) {
			return flawed("timestamp", ErrUnsigned, "the time is not signed")
		}
	}
	return nil
}

// hash returns the name of the hash function; empty if the delivery names an unknown one.
func (s *signed) hash(d *Delivery) string {
	if s.algorithmFrom == nil {
		return s.algorithm
	}
	return s.algorithms[s.algorithmFrom.text(d)]
}

// urls returns the spellings of the URL that may have been signed: one, empty, if it is not signed.
func (s *signed) urls(d *Delivery) []string {
	if !s.template.has("url") {
		return []string{""}
	}
	return d.URLs
}

// checkTime compares the signed time with now.
func (s *signed) checkTime(v *values) error {
	if !s.timed() {
		return nil
	}
	return checkTimestamp(s.timeFormat, v.timestamp, v.Now, s.tolerance)
}

// digest returns the SHA-256 of what is signed. It is the same for each spelling of a signature.
func (s *signed) digest(d *Delivery) string {
	_, v, err := s.read(d)
	if err != nil {
		return ""
	}
	if urls := s.urls(d); len(urls) > 0 {
		v.url = urls[0]
	}
	h := sha256.New()
	s.template.write(h, v)
	return hex.EncodeToString(h.Sum(nil))
}

// hmacProof verifies an HMAC.
type hmacProof struct {
	signed
	secretEncoding string
}

func (h *hmacProof) check(_ context.Context, d *Delivery, secrets []string, _ Keys) error {
	given, v, err := h.read(d)
	if err != nil {
		return err
	}
	var right [][]byte
	for _, target := range h.urls(d) {
		v.url = target
		for _, secret := range secrets {
			one, err := h.sum(v, secret)
			if err != nil {
				return err
			}
			right = append(right, one)
		}
	}
	if !match(given, right) {
		return ErrWrong
	}
	return h.checkTime(v)
}

// sum returns the signature that the secret makes.
func (h *hmacProof) sum(v *values, secret string) ([]byte, error) {
	key, err := decodeSecret(h.secretEncoding, secret)
	if err != nil {
		return nil, err
	}
	function := hashes[h.hash(v.Delivery)]
	if function == nil {
		return nil, flawed("algorithm_from", ErrUnsigned, "the delivery names an unknown algorithm")
	}
	v.secret = secret
	mac := hmac.New(function, key)
	h.template.write(mac, v)
	return mac.Sum(nil), nil
}

// answer returns a function with which a challenge is answered.
func (h *hmacProof) answer(secret string) func(string) string {
	return func(text string) string {
		key, err := decodeSecret(h.secretEncoding, secret)
		if err != nil {
			return ""
		}
		mac := hmac.New(hashes[h.algorithm], key)
		mac.Write([]byte(text))
		return encode(h.place.encoding, mac.Sum(nil))
	}
}

func decodeSecret(encoding, secret string) ([]byte, error) {
	if encoding == "" || encoding == "text" {
		return []byte(secret), nil
	}
	key := decode(encoding, secret)
	if key == nil {
		return nil, fmt.Errorf("%w: it is not %s", ErrSecret, encoding)
	}
	return key, nil
}

// match reports whether one of the given proofs equals one of the right ones. It always compares all pairs.
func match(given, right [][]byte) bool {
	found := 0
	for _, g := range given[:min(len(given), maxProofs)] {
		for _, r := range right {
			found |= subtle.ConstantTimeCompare(g, r)
		}
	}
	return found == 1
}
