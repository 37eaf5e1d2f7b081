package sender

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// What proves that a question comes from the sender.
const (
	proofSignature = "signature" // that of a delivery
	proofToken     = "verify_token"
	proofNone      = "none" // the sender proves nothing, and gets its own text back
)

// Challenge is a question that a sender asks about the URL before, or while, it sends. Immutable.
type Challenge struct {
	method  string
	when    *template
	is      string
	proof   string
	token   *template
	text    *template
	json    map[string]any
	headers map[string]*template
	visit   *template
	hosts   []string
	answers func(secret string) func(string) string // of {hmac:…}
	hmac    bool
}

// Answer is the response to a Challenge.
type Answer struct {
	Body   []byte
	JSON   bool // Body is JSON; false: text
	Header http.Header
	Visit  string // URL that is to be called with GET before the response; empty: none
}

// challengeForm is what a text may be that is sent back: no markup, and no JSON object.
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9 .,:;/+=_~|@?%*!-]{1,512}$`)

// Challenge returns the question that a request asks; nil: it is a usual delivery. Call it for a request that is verified:
// it may parse the body.
func (s *Scheme) Challenge(d *Delivery) *Challenge {
	return s.challenge(d, func(*Challenge) bool { return true })
}

// UnsignedChallenge returns the question that a request asks if it has a token of its own as proof, or none; nil: the
// request must be verified.
func (s *Scheme) UnsignedChallenge(d *Delivery) *Challenge {
	return s.challenge(d, func(c *Challenge) bool { return c.proof != proofSignature })
}

func (s *Scheme) challenge(d *Delivery, considered func(*Challenge) bool) *Challenge {
	for _, c := range s.challenges {
		if d.Method != c.method || !considered(c) {
			continue
		}
		if value := c.when.text(d); value != "" && (c.is == "" || c.is == value) {
			return c
		}
	}
	return nil
}

// Asks reports whether the sender asks questions with a method.
func (s *Scheme) Asks(method string) bool {
	for _, c := range s.challenges {
		if c.method == method {
			return true
		}
	}
	return false
}

// guessable reports whether a body could be a text that an unproved question has signed: it would prove a delivery with
// that body.
func (s *Scheme) guessable(d *Delivery) bool {
	for _, c := range s.challenges {
		if c.proof == proofNone && c.hmac && challengeForm.Match(d.Body) {
			return true
		}
	}
	return false
}

// Unproved reports whether the question is answered to anyone.
func (c *Challenge) Unproved() bool { return c.proof == proofNone }

// Proves reports whether the question has one of the secrets of verify_token.
func (c *Challenge) Proves(d *Delivery, secrets []string) bool {
	return c.proof == proofToken && isOneOf(c.token.text(d), secrets)
}

// Answer returns the answer, which the first secret signs if it is signed. The error says that the question has a text
// that is not sent back.
func (c *Challenge) Answer(d *Delivery, secrets []string) (*Answer, error) {
	a := &Answer{Header: http.Header{}, JSON: c.json != nil}
	v := &values{Delivery: d}
	if len(secrets) > 0 && c.answers != nil {
		v.hmac = c.answers(secrets[0])
	}
	if err := c.checkTexts(d); err != nil {
		return nil, err
	}
	for name, t := range c.headers {
		text, complete := t.render(v)
		if !complete {
			return nil, fmt.Errorf("answer challenge: %s is missing", t.source)
		}
		a.Header.Set(name, text)
	}
	if c.visit != nil {
		if a.Visit = c.visit.text(d); !allowedURL(a.Visit, c.hosts) {
			return nil, fmt.Errorf("answer challenge: the URL is not of %s", strings.Join(c.hosts, " or "))
		}
	}
	if c.text != nil {
		text, complete := c.text.render(v)
		if !complete {
			return nil, fmt.Errorf("answer challenge: %s is missing", c.text.source)
		}
		a.Body = []byte(text)
	}
	if c.json != nil {
		object, err := renderJSON(c.json, v)
		if err != nil {
			return nil, err
		}
		a.Body, err = json.Marshal(object)
		return a, err
	}
	return a, nil
}

// checkTexts checks each text of the request that the answer has.
func (c *Challenge) checkTexts(d *Delivery) error {
	all := []*template{}
	for _, t := range c.headers {
		all = append(all, t)
	}
	for _, v := range c.json {
		if t, ok := v.(*template); ok {
			all = append(all, t)
		}
	}
	if c.text != nil {
		all = append(all, c.text)
	}
	for _, t := range all {
		for _, p := range t.parts {
			if p.name == "hmac" {
				p, _ = parsePlaceholder(p.arg, nil)
			}
			if p.name != "" && !challengeForm.MatchString((&values{Delivery: d}).value(p)) {
				return fmt.Errorf("answer challenge: {%s:%s} is not a text that is repeated here", p.name, p.arg)
			}
		}
	}
	return nil
}

func renderJSON(object map[string]any, v *values) (map[string]any, error) {
	out := make(map[string]any, len(object))
	for name, value := range object {
		t, ok := value.(*template)
		if !ok {
			out[name] = value
			continue
		}
		text, complete := t.render(v)
		if !complete {
			return nil, fmt.Errorf("answer challenge: %s is missing", t.source)
		}
		out[name] = text
	}
	return out, nil
}

// newChallenge compiles a description.
func newChallenge(spec *ChallengeSpec, v *Spec, answers func(string) func(string) string) (*Challenge, error) {
	c := &Challenge{method: cmp.Or(spec.Method, http.MethodPost), is: spec.Is, proof: cmp.Or(spec.Proof, proofSignature), hosts: v.Hosts, answers: answers, headers: map[string]*template{}}
	sources := []string{"header", "param", "member"}
	inAnswer := append([]string{"hmac"}, sources...)
	var err error
	read := func(source string, only []string) *template {
		if source == "" || err != nil {
			return nil
		}
		var t *template
		if t, err = parseTemplate(source, only...); err == nil && t.has("hmac") {
			c.hmac = true
		}
		return t
	}
	c.when, c.token, c.visit, c.text = read(spec.When, sources), read(spec.Token, sources), read(spec.Visit, sources), read(spec.Text, inAnswer)
	for name, source := range spec.Headers {
		if c.headers[name] = read(source, inAnswer); err == nil && !headerForm.MatchString(name) {
			err = fmt.Errorf("%q cannot be a header", name)
		}
	}
	if spec.JSON != nil {
		c.json = map[string]any{}
	}
	for name, value := range spec.JSON {
		if text, ok := value.(string); ok {
			c.json[name] = read(text, inAnswer)
			continue
		}
		c.json[name] = value
	}
	if err != nil {
		return nil, &FieldError{"challenge", err.Error()}
	}
	return c, c.validate()
}

func (c *Challenge) validate() error {
	wrong := ""
	switch {
	case c.method != http.MethodPost && c.method != http.MethodGet && c.method != http.MethodOptions:
		wrong = "method is POST, GET or OPTIONS"
	case c.when == nil:
		wrong = "when is missing: which request is the question?"
	case c.proof != proofSignature && c.proof != proofToken && c.proof != proofNone:
		wrong = "proof is signature, verify_token or none"
	case c.proof == proofToken && c.token == nil:
		wrong = "proof: verify_token needs token"
	case c.text != nil && c.json != nil:
		wrong = "text and json exclude each other"
	case c.hmac && c.answers == nil:
		wrong = "{hmac:…} needs the scheme hmac"
	case c.visit != nil && c.proof != proofSignature:
		wrong = "visit needs proof: signature"
	case c.visit != nil && len(c.hosts) == 0:
		wrong = "visit needs hosts"
	}
	if wrong != "" {
		return &FieldError{"challenge", wrong}
	}
	return nil
}
