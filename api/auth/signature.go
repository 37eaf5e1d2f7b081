package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

// The headers of a signed request.
const (
	HeaderKey       = "Penstock-Key"
	HeaderSignature = "Penstock-Signature"
)

const maxSignatures = 4 // v1= members of one header; senders add one per secret during a rotation

// SignatureScheme lets API keys in by an HMAC over time and body:
//
//	Penstock-Key: <key>
//	Penstock-Signature: t=<ts>,v1=<hex hmac-sha256 of "<ts>.<raw body>">
type SignatureScheme struct {
	Keys    Keys
	Guesses *Guesses // nil: nobody is slowed down
	Meter   Meter    // nil: nothing is counted
}

var errSignature = &Error{Code: CodeUnauthorized, Message: "unknown key or wrong signature"}

// Authenticate implements Authenticator. As at the SmartSYNC door, nothing is
// said about a key before its signature fits.
func (s SignatureScheme) Authenticate(ctx context.Context, r *Request) (*Principal, error) {
	name, header := r.Header.Get(HeaderKey), r.Header.Get(HeaderSignature)
	if name == "" && header == "" {
		return nil, nil
	}
	ts, given, ok := parseSignature(header)
	if !ok {
		return nil, &Error{Code: CodeUnauthorized, Message: HeaderSignature + ` must read "t=<seconds since 1970>,v1=<64 hexadecimal digits>"`}
	}
	body, err := r.Body()
	if err != nil {
		return nil, err
	}
	key, secrets, err := FindKey(ctx, s.Keys, name, r.Now)
	if err != nil {
		return nil, err
	}
	guess := Guess{
		Name: string(KindKey) + ":" + name, IP: r.IP, Now: r.Now,
		Fits: verifySignature(ts, body, given, secrets), Strong: Strong(secrets.Current, secrets.Previous),
	}
	if err := s.Guesses.Judge(ctx, guess, errSignature); err != nil {
		return nil, err
	}
	Tally(s.Meter, key, secrets, func(only Secrets) bool { return verifySignature(ts, body, given, only) })
	if err := CheckTime(ts, r.Now, Window(key)); err != nil {
		return nil, err
	}
	if !key.APIAccess {
		return nil, ErrAccessOff
	}
	p := KeyPrincipal(key)
	p.BodyOnly = true
	return p, nil
}

// ErrAccessOff refuses a key whose API access is switched off.
var ErrAccessOff = &Error{Code: CodeForbidden, Message: "API access is switched off for this key"}

// Sign returns the value of Penstock-Signature.
func Sign(ts string, body []byte, secret string) string {
	sum := mac(ts, body, secret)
	return "t=" + ts + ",v1=" + hex.EncodeToString(sum[:])
}

// parseSignature reads t and every v1; members it does not know are for others.
func parseSignature(header string) (ts string, given [][sha256.Size]byte, ok bool) {
	for member := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		switch name {
		case "t":
			if ts != "" {
				return "", nil, false
			}
			ts = value
		case "v1":
			var sum [sha256.Size]byte
			n, err := hex.Decode(sum[:], []byte(value[:min(len(value), 2*sha256.Size)]))
			if err != nil || n != len(sum) || len(value) != 2*n || len(given) == maxSignatures {
				return "", nil, false
			}
			given = append(given, sum)
		}
	}
	return ts, given, ts != "" && len(given) > 0
}

// verifySignature costs the same whether or not there are secrets.
func verifySignature(ts string, body []byte, given [][sha256.Size]byte, secrets Secrets) bool {
	match := 0
	for _, secret := range []string{secrets.Current, secrets.Previous} {
		present := 1
		if secret == "" {
			secret, present = dummy, 0
		}
		sum := mac(ts, body, secret)
		for i := range given {
			match |= present & subtle.ConstantTimeCompare(sum[:], given[i][:])
		}
	}
	return match == 1
}

func mac(ts string, body []byte, secret string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(ts))
	h.Write([]byte{'.'})
	h.Write(body)
	h.Sum(sum[:0])
	return sum
}
