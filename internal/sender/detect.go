package sender

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Candidate is a sender that a request may come from.
type Candidate struct {
	Entry  *Entry
	Scheme *Scheme  // of Entry, without what a flow adds
	Score  int      // the higher, the likelier
	Why    []string // what the request has of the sender
}

// maxCandidates is the maximum number of candidates that Detect returns.
const maxCandidates = 5

// Detect returns the senders of the catalogue that a request may come from, the likeliest first. It looks at names and
// forms only; whether a secret proves the request is another question.
func Detect(d *Delivery) []Candidate {
	var all []Candidate
	for _, e := range append([]*Entry{Standard()}, All()...) { // who sends just that goes before those who cannot be told apart from it
		c := e.compare(d)
		if c.Score > 0 {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b Candidate) int { return b.Score - a.Score })
	if len(all) == 0 {
		return nil
	}
	best := all[0].Score
	all = slices.DeleteFunc(all, func(c Candidate) bool { return c.Score*2 < best })
	return all[:min(len(all), maxCandidates)]
}

// Standard describes all senders that sign as Standard Webhooks says, as the scheme of that name does.
func Standard() *Entry {
	return &Entry{
		Name: schemeStandard, Title: "Any sender that follows Standard Webhooks", Docs: "https://www.standardwebhooks.com",
		Secret: "the signing secret, `whsec_…`", Verify: Spec{Scheme: schemeStandard},
	}
}

// common are headers of many senders, which tell little. Read only.
var common = []string{"Authorization", "X-Hub-Signature", "X-Hub-Signature-256", "X-Signature", "Webhook-Signature", "X-Webhook-Signature", "Idempotency-Key", "Request-Id", "X-Request-Id"}

// compare returns what a request has of the sender. The score is 0 if the proof is missing and it is no question.
func (e *Entry) compare(d *Delivery) Candidate {
	c := Candidate{Entry: e}
	s, err := compile(e.Verify, true)
	if err != nil {
		return c
	}
	c.Scheme = s
	if question := s.Challenge(d); question != nil {
		c.add(12, "it asks the question of the sender: "+question.when.source)
	}
	found := c.proof(&e.Verify, d)
	if !found && c.Score == 0 {
		return c
	}
	for _, source := range []string{e.Verify.Timestamp, headerOf(e.Verify.TimestampHeader), e.Verify.ID, e.Verify.Event} {
		t, err := parseTemplate(source)
		if err != nil || source == "" || t.text(d) == "" {
			continue
		}
		c.add(t.weight(), "it has "+source)
	}
	return c
}

func headerOf(name string) string {
	if name == "" {
		return ""
	}
	return "{header:" + name + "}"
}

// weight is how much a template says about the sender: a header of its own name much, a member such as id little.
func (t *template) weight() int {
	for _, p := range t.parts {
		if p.name == "header" && !slices.Contains(common, http.CanonicalHeaderKey(p.arg)) {
			return 5
		}
	}
	return 1
}

func (c *Candidate) add(score int, why string) {
	c.Score += score
	c.Why = append(c.Why, why)
}

// proof looks for the signature or token, and reports whether it is there in the sender's form.
func (c *Candidate) proof(v *Spec, d *Delivery) bool {
	if v.Scheme == schemeStandard {
		id := standard{}.header(d.Header, "Id")
		if id == "" || (standard{}).header(d.Header, "Signature") == "" {
			return false
		}
		c.add(8, "it has webhook-id and webhook-signature, or svix-id and svix-signature")
		return true
	}
	p, err := newPlace(v)
	if err != nil || v.Scheme == schemeBasic {
		return false
	}
	texts, _ := p.texts(d)
	signs := v.Scheme != schemeToken && v.Scheme != schemeJWT
	if !slices.ContainsFunc(texts, func(text string) bool { return text != "" && (!signs || fits(v, text)) }) {
		return false
	}
	switch {
	case p.value != nil:
		c.add(6, "it has "+v.Signature)
	case p.param != "":
		c.add(1, "it has the parameter "+p.param)
	default:
		for _, h := range p.headers {
			if d.Header.Get(h) != "" {
				c.add(c.headerWeight(v, h), fmt.Sprintf("it has the header %s%s", h, formOf(v)))
			}
		}
	}
	return true
}

func (c *Candidate) headerWeight(v *Spec, header string) int {
	if slices.Contains(common, http.CanonicalHeaderKey(header)) {
		return 4
	}
	return 10
}

// fits reports whether a signature has the encoding and length of the description.
func fits(v *Spec, text string) bool {
	raw := decode(v.Encoding, text)
	if raw == nil {
		return false
	}
	if v.Scheme != schemeHMAC {
		return true
	}
	name := v.Algorithm
	if name == "" {
		name = "sha256"
	}
	return len(raw) == hashes[name]().Size()
}

func formOf(v *Spec) string {
	switch {
	case v.Format != "":
		return ", written " + v.Format
	case v.Prefix != "":
		return ", written " + v.Prefix + "…"
	}
	return ""
}

// Lines returns the lines to write in a flow for the sender.
func (e *Entry) Lines() string {
	name := strings.ReplaceAll(e.Name, "-", "_")
	var b strings.Builder
	fmt.Fprintf(&b, "trigger:\n  webhook:\n    verify:\n      scheme: %s\n", e.Name)
	if e.Secret != "" {
		fmt.Fprintf(&b, "      secret: %s_secret\n", name)
	}
	if slices.ContainsFunc(e.Verify.Challenge, func(c ChallengeSpec) bool { return c.Proof == proofToken }) && e.Name != "github" {
		fmt.Fprintf(&b, "      verify_token: %s_verify_token\n", name)
	}
	for _, need := range e.Needs {
		word, member, isExpect := strings.Cut(need, " ")
		switch {
		case isExpect:
			fmt.Fprintf(&b, "      expect: {%q: …}\n", member)
		default:
			fmt.Fprintf(&b, "      %s: …\n", word)
		}
	}
	return b.String()
}
