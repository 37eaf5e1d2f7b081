package sender

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// FieldError reports a mistake in one word of a description.
type FieldError struct {
	Field   string // empty: the description as a whole
	Message string
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Compile returns the scheme of a description. The error is a *FieldError.
func Compile(spec *Spec) (*Scheme, error) {
	v, named := *spec, false
	if e, known := Find(v.Scheme); known {
		if err := e.checkNeeds(spec); err != nil {
			return nil, err
		}
		v, named = e.Verify.overlay(spec), true
	}
	return compile(v, named)
}

// compile compiles a description in terms of a primitive scheme. named says that it is one of the catalogue.
func compile(v Spec, named bool) (*Scheme, error) {
	v = v.withDefaults()
	s := &Scheme{spec: v, repeats: named && v.Scheme != schemeToken && v.Scheme != schemeBasic || v.hasTime()}
	if err := s.readProof(&v, named); err != nil {
		return nil, err
	}
	if err := s.readID(&v); err != nil {
		return nil, err
	}
	if err := s.readExpect(&v); err != nil {
		return nil, err
	}
	return s, s.readChallenges(&v)
}

func (v Spec) withDefaults() Spec {
	v.Tolerance = cmp.Or(v.Tolerance, defaultTolerance)
	v.Encoding = cmp.Or(v.Encoding, "hex")
	v.TimestampFormat = cmp.Or(v.TimestampFormat, formatUnix)
	if v.Scheme == schemeJWT {
		v.Algorithm = cmp.Or(v.Algorithm, "RS256")
	} else {
		v.Algorithm = cmp.Or(v.Algorithm, "sha256")
	}
	if v.TimestampHeader != "" {
		v.Timestamp = cmp.Or(v.Timestamp, "{header:"+v.TimestampHeader+"}")
	}
	if v.IDHeader != "" {
		v.ID = "{header:" + v.IDHeader + "}"
	}
	if v.Signed == "" {
		v.Signed = "{body}"
		if v.hasTime() && v.Scheme != schemeStandard {
			v.Signed = "{timestamp}.{body}"
		}
	}
	return v
}

func (s *Scheme) readProof(v *Spec, named bool) error {
	switch v.Scheme {
	case schemeStandard:
		p := standard{v.Tolerance}
		s.proof, s.signature = p, p.id
		return nil
	case schemeBasic:
		if v.User == "" {
			return &FieldError{"", "the scheme basic needs user"}
		}
		s.proof = &basic{v.User}
		return nil
	case schemeNone:
		s.proof = unproved{}
		return nil
	case schemeToken:
		return s.readToken(v)
	case schemeJWT:
		return s.readJWT(v)
	case schemeHMAC, schemeEd25519, schemeECDSA, schemeRSA:
		return s.readSigned(v, named)
	}
	return &FieldError{"scheme", fmt.Sprintf("there is no scheme %q", v.Scheme)}
}

func (s *Scheme) readToken(v *Spec) error {
	p, err := newPlace(v)
	if err != nil {
		return err
	}
	t := &token{place: p}
	if p.value != nil && len(p.value.parts) == 1 && p.value.parts[0].name == "member" {
		t.all = p.value.parts[0].arg
	}
	s.proof = t
	return nil
}

func (s *Scheme) readJWT(v *Spec) error {
	p, err := newPlace(v)
	if err != nil {
		return err
	}
	if !slices.Contains(jwtAlgorithms, v.Algorithm) {
		return &FieldError{"algorithm", "of a jwt it is one of RS256, ES256, HS256 and their like"}
	}
	if v.JWKS != "" && (v.Algorithm[:2] == "HS" || !httpsURL(v.JWKS)) {
		return &FieldError{"jwks", "it must be an https URL of public keys"}
	}
	j := &jwtProof{place: p, algorithm: jose.SignatureAlgorithm(v.Algorithm), jwks: v.JWKS, audience: v.Audience, bodyClaim: v.BodyClaim, encoding: v.Encoding, tolerance: v.Tolerance}
	for _, name := range slices.Sorted(maps.Keys(v.Expect)) {
		e, err := newExpectation(name, v.Expect[name])
		if err == nil && e.claim != "" {
			j.claims = append(j.claims, e)
		}
	}
	s.proof, s.signature = j, j.signed
	return nil
}

func (s *Scheme) readSigned(v *Spec, named bool) error {
	base, err := newSigned(v, named)
	if err != nil {
		return err
	}
	s.timestamp = base.timestamp
	s.signature = base.digest
	if v.Scheme == schemeHMAC {
		s.proof = &hmacProof{*base, v.SecretEncoding}
		return nil
	}
	p := &publicProof{signed: *base, scheme: v.Scheme, pss: v.Padding == "pss", hosts: v.Hosts}
	if v.CertificateURL != "" {
		if p.certificate, err = parseTemplate(v.CertificateURL, "header", "member"); err != nil {
			return &FieldError{"certificate_url", err.Error()}
		}
		if len(v.Hosts) == 0 {
			return &FieldError{"certificate_url", "it needs hosts"}
		}
	}
	s.proof = p
	return nil
}

func newSigned(v *Spec, named bool) (*signed, error) {
	p, err := newPlace(v)
	if err != nil {
		return nil, err
	}
	if len(p.headers) == 0 && p.param == "" && p.value == nil {
		return nil, &FieldError{"", "the scheme " + v.Scheme + " needs header"}
	}
	b := &signed{place: p, tolerance: v.Tolerance, timeFormat: v.TimestampFormat, bodyHashParam: v.BodyHashParam, algorithm: v.Algorithm, algorithms: v.Algorithms}
	if b.template, err = parseTemplate(v.Signed, "body", "sha256", "crc32", "form", "timestamp", "method", "url", "path", "secret", "header", "param", "member", "lines", "headers"); err != nil {
		return nil, &FieldError{"signed", err.Error()}
	}
	if v.AlgorithmFrom != "" {
		if b.algorithmFrom, err = parseTemplate(v.AlgorithmFrom, "header", "member"); err != nil {
			return nil, &FieldError{"algorithm_from", err.Error()}
		}
	}
	for _, name := range slices.Concat([]string{v.Algorithm}, slices.Collect(maps.Values(v.Algorithms))) {
		if hashes[name] == nil {
			return nil, &FieldError{"algorithm", "of " + v.Scheme + " it is one of md5, sha1, sha256, sha384, sha512"}
		}
	}
	if v.Timestamp != "" {
		if b.timestamp, err = parseTemplate(v.Timestamp, "header", "param", "member"); err != nil {
			return nil, &FieldError{"timestamp", err.Error()}
		}
	}
	return b, b.validate(v, named)
}

// validate checks that what a flow relies on is signed.
func (b *signed) validate(v *Spec, named bool) error {
	inBody := b.timestamp != nil && b.timestamp.has("member") && b.template.has("body") || b.listsTime()
	switch {
	case !named && !b.template.has("body", "sha256", "crc32", "form"):
		return &FieldError{"signed", "it must have the body: {body}, {sha256}, {crc32} or {form}"}
	case b.timed() && !b.template.has("timestamp") && !inBody:
		return &FieldError{"signed", "it must have {timestamp}, or the time proves nothing"}
	case !b.timed() && b.template.has("timestamp"):
		return &FieldError{"signed", "{timestamp} needs timestamp_header, timestamp, or {timestamp} in format"}
	}
	return nil
}

func (s *Scheme) readID(v *Spec) (err error) {
	if v.ID != "" {
		if s.id, err = parseTemplate(v.ID, "header", "param", "member"); err != nil {
			return &FieldError{"id", err.Error()}
		}
	}
	return nil
}

func (s *Scheme) readExpect(v *Spec) error {
	for _, name := range slices.Sorted(maps.Keys(v.Expect)) {
		e, err := newExpectation(name, v.Expect[name])
		switch {
		case err != nil:
			return &FieldError{"expect", err.Error()}
		case e.claim != "" && v.Scheme != schemeJWT:
			return &FieldError{"expect", name + " needs the scheme jwt"}
		case e.claim == "":
			s.expect = append(s.expect, e)
		}
	}
	return nil
}

// maxChallenges is the maximum number of questions of one sender.
const maxChallenges = 8

// readChallenges reads the questions of the sender. A verify_token without questions stands for that of Meta.
func (s *Scheme) readChallenges(v *Spec) error {
	specs := v.Challenge
	if len(specs) == 0 && v.VerifyToken != "" {
		specs = []ChallengeSpec{hubChallenge()}
	}
	if len(specs) > maxChallenges {
		return &FieldError{"challenge", fmt.Sprintf("there are more than %d", maxChallenges)}
	}
	var answers func(string) func(string) string
	if h, ok := s.proof.(*hmacProof); ok && h.algorithmFrom == nil {
		answers = h.answer
	}
	for i := range specs {
		if specs[i].Proof == proofToken && v.VerifyToken == "" {
			continue // the flow did not ask for it
		}
		c, err := newChallenge(&specs[i], v, answers)
		if err != nil {
			return err
		}
		s.challenges = append(s.challenges, c)
	}
	return nil
}

// hubChallenge is the question of Meta and other hubs of WebSub.
func hubChallenge() ChallengeSpec {
	return ChallengeSpec{Method: "GET", When: "{param:hub.mode}", Is: "subscribe", Proof: proofToken, Token: "{param:hub.verify_token}", Text: "{param:hub.challenge}"}
}
