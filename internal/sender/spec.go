package sender

import (
	"slices"
	"strings"
	"time"
)

// Spec describes how a sender proves a delivery. Its members are the words of trigger.webhook.verify. Zero values mean
// that the word is not given.
type Spec struct {
	Scheme    string   `yaml:"scheme"`    // a primitive scheme, or the name of a sender of the catalogue
	Header    []string `yaml:"header"`    // headers with the signature or token
	Param     string   `yaml:"param"`     // query parameter with it
	Signature string   `yaml:"signature"` // template of it, for instance {member:signature.signature}
	Prefix    string   `yaml:"prefix"`    // text before it
	Format    string   `yaml:"format"`    // of the header, for instance t={timestamp},v1={signature}
	Encoding  string   `yaml:"encoding"`  // of the signature

	Algorithm      string            `yaml:"algorithm"`
	AlgorithmFrom  string            `yaml:"algorithm_from"` // template whose value selects one of Algorithms
	Algorithms     map[string]string `yaml:"algorithms"`
	Padding        string            `yaml:"padding"`         // of rsa
	SecretEncoding string            `yaml:"secret_encoding"` // of the stored secret
	Signed         string            `yaml:"signed"`          // template of what is signed
	BodyHashParam  string            `yaml:"body_hash_param"` // query parameter with the SHA-256 of a body that is no form

	TimestampHeader string        `yaml:"timestamp_header"`
	Timestamp       string        `yaml:"timestamp"` // template of the time
	TimestampFormat string        `yaml:"timestamp_format"`
	Tolerance       time.Duration `yaml:"tolerance"`

	IDHeader string `yaml:"id_header"`
	ID       string `yaml:"id"`    // template of the delivery's id
	Event    string `yaml:"event"` // template of the event's name, for the documentation

	JWKS           string   `yaml:"jwks"`            // URL of the public keys of a JWT
	Audience       string   `yaml:"audience"`        // of a JWT
	BodyClaim      string   `yaml:"body_claim"`      // claim of a JWT with the SHA-256 of the body
	CertificateURL string   `yaml:"certificate_url"` // template of the URL of the certificate
	Hosts          []string `yaml:"hosts"`           // allowed in CertificateURL and in what a challenge visits

	User        string              `yaml:"user"`
	URL         string              `yaml:"url"`
	VerifyToken string              `yaml:"verify_token"`
	Expect      map[string][]string `yaml:"expect"` // placeholder or claim:NAME to the allowed values
	Challenge   []ChallengeSpec     `yaml:"challenge"`
}

// ChallengeSpec describes a question that the sender asks about the URL, and its answer.
type ChallengeSpec struct {
	Method  string            `yaml:"method"` // empty: POST
	When    string            `yaml:"when"`   // template; the request is the question if its value is not empty
	Is      string            `yaml:"is"`     // the value that When has; empty: any
	Proof   string            `yaml:"proof"`  // signature, verify_token or none
	Token   string            `yaml:"token"`  // template of the token that is compared with the secret of verify_token
	Text    string            `yaml:"text"`   // the answer
	JSON    map[string]any    `yaml:"json"`
	Headers map[string]string `yaml:"headers"`
	Visit   string            `yaml:"visit"` // template of an https URL that is called once
}

// The primitive schemes.
const (
	schemeHMAC     = "hmac"
	schemeEd25519  = "ed25519"
	schemeECDSA    = "ecdsa"
	schemeRSA      = "rsa"
	schemeJWT      = "jwt"
	schemeToken    = "token"
	schemeBasic    = "basic"
	schemeNone     = "none" // of senders that cannot prove anything
	schemeStandard = "standard-webhooks"
)

// Primitives returns the names of the schemes that other descriptions are made of.
func Primitives() []string {
	return []string{schemeStandard, schemeHMAC, schemeEd25519, schemeECDSA, schemeRSA, schemeJWT, schemeToken, schemeBasic, schemeNone}
}

// Words that several schemes take.
var (
	wordsOfAll    = []string{"id_header", "id", "expect", "challenge", "verify_token"}
	wordsOfPlace  = []string{"header", "param", "signature", "prefix"}
	wordsOfSigned = slices.Concat(wordsOfAll, wordsOfPlace, []string{
		"format", "encoding", "signed", "timestamp_header", "timestamp", "timestamp_format", "tolerance", "url", "body_hash_param",
	})
)

// Takes returns the words that a scheme takes in a flow, besides scheme and secret; false: there is no such scheme.
func Takes(scheme string) ([]string, bool) {
	switch scheme {
	case schemeStandard:
		return []string{"tolerance"}, true
	case schemeHMAC:
		return slices.Concat(wordsOfSigned, []string{"algorithm", "secret_encoding"}), true
	case schemeEd25519:
		return wordsOfSigned, true
	case schemeECDSA:
		return slices.Concat(wordsOfSigned, []string{"algorithm"}), true
	case schemeRSA:
		return slices.Concat(wordsOfSigned, []string{"algorithm", "padding"}), true
	case schemeJWT:
		return slices.Concat(wordsOfAll, wordsOfPlace, []string{"algorithm", "encoding", "jwks", "audience", "body_claim", "tolerance"}), true
	case schemeToken:
		return slices.Concat(wordsOfAll, wordsOfPlace), true
	case schemeBasic:
		return slices.Concat(wordsOfAll, []string{"user"}), true
	case schemeNone:
		return []string{"id_header", "id"}, true
	}
	e, known := Find(scheme)
	if !known {
		return nil, false
	}
	return e.takes(), true
}

// takes returns the words that a flow may add to a description of the catalogue.
func (e *Entry) takes() []string {
	v := &e.Verify
	words := slices.Clone(e.Options)
	if v.hasTime() {
		words = append(words, "tolerance")
	}
	if v.usesURL() {
		words = append(words, "url")
	}
	if slices.ContainsFunc(v.Challenge, func(c ChallengeSpec) bool { return c.Proof == proofToken }) {
		words = append(words, "verify_token")
	}
	for _, need := range e.Needs {
		word, _, _ := strings.Cut(need, " ")
		words = append(words, word)
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// hasTime reports whether a time is signed.
func (v *Spec) hasTime() bool {
	return v.Scheme == schemeStandard || v.Scheme == schemeJWT || v.Timestamp != "" || v.TimestampHeader != "" || strings.Contains(v.Format, "{timestamp}")
}

func (v *Spec) usesURL() bool {
	return strings.Contains(v.Signed, "{url}") || strings.Contains(v.Signed, "{url:")
}

func (v *Spec) usesSecret() bool { return strings.Contains(v.Signed, "{secret}") }

// overlay returns the description of the catalogue with the words that a flow adds.
func (v Spec) overlay(flow *Spec) Spec {
	if flow.Tolerance != 0 {
		v.Tolerance = flow.Tolerance
	}
	for _, pair := range [][2]*string{
		{&v.URL, &flow.URL}, {&v.User, &flow.User}, {&v.Audience, &flow.Audience}, {&v.VerifyToken, &flow.VerifyToken}, {&v.IDHeader, &flow.IDHeader},
		{&v.Param, &flow.Param}, {&v.JWKS, &flow.JWKS}, {&v.Algorithm, &flow.Algorithm},
	} {
		if *pair[1] != "" {
			*pair[0] = *pair[1]
		}
	}
	if len(flow.Header) > 0 {
		v.Header = flow.Header
	}
	merged := map[string][]string{}
	for _, values := range []map[string][]string{flow.Expect, v.Expect} { // the catalogue's values take precedence
		for name, allowed := range values {
			merged[name] = allowed
		}
	}
	if len(merged) > 0 {
		v.Expect = merged
	}
	return v
}
