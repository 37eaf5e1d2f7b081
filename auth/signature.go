package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// The headers of a signed request.
const (
	HeaderKey       = "Penstock-Key"
	HeaderSignature = "Penstock-Signature"
)

const (
	maxSignatures = 4  // v1= or v2= members of one header; clients add one per secret during a rotation
	maxNonce      = 64 // bytes
)

// SignatureScheme authenticates API keys by an HMAC-SHA256 in one of two versions:
//
//	Penstock-Key: <key>
//	Penstock-Signature: t=<ts>,n=<nonce>,v2=<hex of the HMAC over Base>
//	Penstock-Signature: t=<ts>,v1=<hex of the HMAC over "<ts>.<raw body>">
type SignatureScheme struct {
	Keys    Keys
	Guard   *BruteForceGuard // optional
	Usage   UsageCounter     // optional
	Replays Replays          // nil: replays are not detected
	Folders Folders          // nil: no rights in folders count
}

var errSignature = &Error{Code: CodeUnauthorized, Message: "unknown key or wrong signature"}

// Authenticate implements Authenticator. The response reveals nothing about a key before its signature is verified.
func (s SignatureScheme) Authenticate(ctx context.Context, r *Request) (*Principal, error) {
	name, header := r.Header.Get(HeaderKey), r.Header.Get(HeaderSignature)
	if name == "" && header == "" {
		return nil, nil
	}
	sent, ok := parseSignature(header)
	if !ok {
		return nil, &Error{Code: CodeUnauthorized, Message: HeaderSignature + " " + signatureForm}
	}
	body, err := r.Body()
	if err != nil {
		return nil, err
	}
	key, secrets, err := FindKey(ctx, s.Keys, name, r.Now)
	if err != nil {
		return nil, err
	}
	text := sent.signedText(r, name, body)
	proof := Proof{
		Name: string(KindKey) + ":" + name, IP: r.IP, Now: r.Now,
		Valid: verifySignature(text, sent.given, secrets), Strong: Strong(secrets.Current, secrets.Previous),
	}
	if err := s.Guard.Check(ctx, proof, errSignature); err != nil {
		return nil, err
	}
	RecordUse(s.Usage, key, secrets, func(only Secrets) bool { return verifySignature(text, sent.given, only) })
	if err := CheckTime(sent.ts, r.Now, Window(key)); err != nil {
		return nil, err
	}
	if !key.APIAccess {
		return nil, ErrAccessOff
	}
	if sent.version == 1 && key.RefuseV1 {
		return nil, &Error{Code: CodeUnauthorized, Message: "signatures of version 1 are switched off for this key: sign with v2"}
	}
	v, err := viewOf(ctx, s.Folders)
	if err != nil {
		return nil, err
	}
	p := KeyPrincipal(key, v)
	p.BodyOnly = sent.version == 1
	return p, s.claim(ctx, r, key, p, sent.version, text)
}

// ErrAccessOff rejects a key whose API access is switched off.
var ErrAccessOff = &Error{Code: CodeForbidden, Message: "API access is switched off for this key"}

// signatureForm describes the format of the header.
const signatureForm = `must read "t=<seconds since 1970>,n=<nonce>,v2=<64 hexadecimal digits>", or "t=…,v1=…"`

// Sign returns the header Penstock-Signature in version 1.
func Sign(ts string, body []byte, secret string) string {
	sum := mac(signedV1(ts, body), secret)
	return "t=" + ts + ",v1=" + hex.EncodeToString(sum[:])
}

// SignV2 returns the header Penstock-Signature in version 2. target is the path with the query string, as sent.
func SignV2(method, target, key, ts, nonce string, body []byte, secret string) string {
	sum := mac(Base(method, target, key, ts, nonce, body), secret)
	return "t=" + ts + ",n=" + nonce + ",v2=" + hex.EncodeToString(sum[:])
}

// Base returns the text that version 2 signs: the signature base of RFC 9421, section 2.5, with the components
// @method, @request-target (path and query) and content-digest (RFC 9530), and the parameters created, nonce and
// keyid. All lines but the last end in LF.
func Base(method, target, key, ts, nonce string, body []byte) []byte {
	digest := sha256.Sum256(body)
	return []byte("\"@method\": " + method +
		"\n\"@request-target\": " + target +
		"\n\"content-digest\": sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":" +
		"\n\"@signature-params\": (\"@method\" \"@request-target\" \"content-digest\");created=" + ts +
		";nonce=\"" + nonce + "\";keyid=\"" + key + "\"")
}

func signedV1(ts string, body []byte) []byte {
	return append([]byte(ts+"."), body...)
}

// signedHeader is a Penstock-Signature header.
type signedHeader struct {
	version   int // 1 or 2
	ts, nonce string
	given     [][sha256.Size]byte // at least one
}

// signedText returns the signed text of a request.
func (p *signedHeader) signedText(r *Request, key string, body []byte) []byte {
	if p.version == 1 {
		return signedV1(p.ts, body)
	}
	return Base(r.Method, r.Target, key, p.ts, p.nonce, body)
}

// parseSignature parses the header and ignores unknown members. v1 and v2 exclude each other, so that removing v2
// from a header does not leave a valid one.
func parseSignature(header string) (p signedHeader, ok bool) {
	for member := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		switch name {
		case "t":
			if p.ts != "" {
				return signedHeader{}, false
			}
			p.ts = value
		case "n":
			if p.nonce != "" || !isNonce(value) {
				return signedHeader{}, false
			}
			p.nonce = value
		case "v1", "v2":
			version := int(name[1] - '0')
			var sum [sha256.Size]byte
			n, err := hex.Decode(sum[:], []byte(value[:min(len(value), 2*sha256.Size)]))
			if err != nil || n != len(sum) || len(value) != 2*n || len(p.given) == maxSignatures || p.version != 0 && p.version != version {
				return signedHeader{}, false
			}
			p.version, p.given = version, append(p.given, sum)
		}
	}
	return p, p.ts != "" && len(p.given) > 0 && (p.version == 1 || p.nonce != "")
}

// isNonce reports whether s is 1 to 64 bytes that need no quoting in a signature base.
func isNonce(s string) bool {
	for i := range len(s) {
		b := s[i]
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '_') {
			return false
		}
	}
	return s != "" && len(s) <= maxNonce
}

// verifySignature reports whether one of the digests was made with one of the secrets. Its duration does not depend
// on whether there are secrets.
func verifySignature(text []byte, given [][sha256.Size]byte, secrets Secrets) bool {
	match := 0
	for _, secret := range []string{secrets.Current, secrets.Previous} {
		present := 1
		if secret == "" {
			secret, present = dummy, 0
		}
		sum := mac(text, secret)
		for i := range given {
			match |= present & subtle.ConstantTimeCompare(sum[:], given[i][:])
		}
	}
	return match == 1
}

func mac(text []byte, secret string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(text)
	h.Sum(sum[:0])
	return sum
}
